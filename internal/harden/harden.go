// Package harden takes away from this process what could carry values out of it.
package harden

// NoCoreDumps turns core dumps off, for this process and for those that it
// starts. A command that touches a value calls it first. An error says what is
// still possible; whether to go on is the caller's decision.
//
// On Linux it sets RLIMIT_CORE to 0, which only a privileged process can raise
// again, and leaves no mapping in /proc/self/coredump_filter: the limit does not
// hold for a core that the kernel pipes to a program, which now gets no memory
// but still the registers (see core(5)). PR_SET_DUMPABLE stays as it is: without
// it /proc/self belongs to root, and every other user's /dev/stdin and /dev/fd
// fail. On macOS it sets RLIMIT_CORE. On Windows it does nothing, as there are
// no core files; a dump that Windows Error Reporting or a debugger takes is not
// prevented.
func NoCoreDumps() error { return noCoreDumps() }
