//go:build !windows

package service

import (
	"os"
	"slices"
	"unsafe"
)

// own are the arguments as the system gave them, before anybody can put others
// into os.Args.
var own = slices.Clone(os.Args)

// scrub overwrites an argument of this process. On Unix the Go runtime makes of
// each a string that has its bytes where the system put them, and that is where
// the system looks when somebody lists the processes. A string that is not such
// an argument is left alone: the memory of a constant cannot be written.
func scrub(arg string) {
	for _, mine := range own {
		data := unsafe.StringData(mine)                      //nolint:gosec // Nobody else writes there.
		if len(mine) > 0 && data == unsafe.StringData(arg) { //nolint:gosec // Compared only.
			clear(unsafe.Slice(data, len(mine))) //nolint:gosec // That is its length.
		}
	}
}
