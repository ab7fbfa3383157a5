//go:build unix && !race

package crashtest

// underRace says that the race detector is on.
const underRace = false
