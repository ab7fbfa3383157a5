package metrics

import (
	"math"
	"slices"
)

// Histogram counts observations by the values of its labels. Its methods may be
// called by several goroutines at once.
type Histogram struct {
	bounds   []float64
	observed labelled[observations]
}

// observations are those of one set of label values.
type observations struct {
	counts []uint64 // By bucket, not yet summed; the last is above all bounds.
	sum    float64
}

// NewHistogram makes an empty histogram whose buckets end at the bounds, which
// rise. It panics if there are more than three labels.
func NewHistogram(name, help string, bounds []float64, labels ...string) *Histogram {
	return &Histogram{bounds: bounds, observed: newLabelled[observations](name, help, labels)}
}

// Observe counts a value under the values of the labels, in the order that the
// histogram was made with. It panics if there are not as many.
func (h *Histogram) Observe(value float64, labels ...string) {
	bucket, _ := slices.BinarySearch(h.bounds, value)
	h.observed.update(labels, func(o *observations) {
		if o.counts == nil {
			o.counts = make([]uint64, len(h.bounds)+1)
		}
		o.counts[bucket]++
		o.sum += value
	})
}

// Write adds the family to a page: nothing if nothing was observed.
func (h *Histogram) Write(p *Page) {
	h.observed.write(p, HistogramType, func(o *observations, labels []Label) { h.sample(p, o, labels) })
}

func (h *Histogram) sample(p *Page, o *observations, labels []Label) {
	var total uint64
	for i, count := range o.counts {
		edge := math.Inf(1)
		if i < len(h.bounds) {
			edge = h.bounds[i]
		}
		total += count
		p.Sample(h.observed.name+"_bucket", float64(total), append(labels[:len(labels):len(labels)], Label{"le", format(edge)})...)
	}
	p.Sample(h.observed.name+"_sum", o.sum, labels...)
	p.Sample(h.observed.name+"_count", float64(total), labels...)
}
