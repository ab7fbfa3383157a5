package metrics

// Counter counts what happened by the values of its labels. Its methods may be
// called by several goroutines at once.
type Counter struct{ counts labelled[uint64] }

// NewCounter makes a counter at zero. It panics if there are more than three
// labels.
func NewCounter(name, help string, labels ...string) *Counter {
	return &Counter{newLabelled[uint64](name, help, labels)}
}

// Inc adds one under the values of the labels, in the order that the counter was
// made with. It panics if there are not as many.
func (c *Counter) Inc(labels ...string) {
	c.counts.update(labels, func(count *uint64) { *count++ })
}

// Write adds the family to a page: nothing if nothing was counted.
func (c *Counter) Write(p *Page) {
	c.counts.write(p, CounterType, func(count *uint64, labels []Label) {
		p.Sample(c.counts.name, float64(*count), labels...)
	})
}
