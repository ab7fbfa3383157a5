package service

// scrub does nothing: Windows keeps the command line for whoever may read the
// process, and its audit keeps it for good.
func scrub(string) {}
