package service

import "os"

// reloadSignals: Windows has no signal for it; a restart reads the
// configuration.
var reloadSignals = []os.Signal{noSignal{}}

// noSignal never comes. With no signal at all, signal.Notify would take every
// one there is.
type noSignal struct{}

func (noSignal) String() string { return "none" }
func (noSignal) Signal()        {}
