package metrics

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// maxLabels bounds the labels of a family, so that their values are a key that
// needs no memory of its own.
const maxLabels = 3

type labelValues [maxLabels]string

// labelled is a family that has a T for each set of its labels' values.
type labelled[T any] struct {
	name, help string
	labels     []string

	mu     sync.Mutex
	series map[labelValues]*T
}

func newLabelled[T any](name, help string, labels []string) labelled[T] {
	if len(labels) > maxLabels {
		panic(fmt.Sprintf("%s has %d labels; raise maxLabels", name, len(labels)))
	}
	return labelled[T]{name: name, help: help, labels: labels, series: map[labelValues]*T{}}
}

// update changes the T of the labels' values, which is zero at first.
func (l *labelled[T]) update(values []string, change func(*T)) {
	if len(values) != len(l.labels) {
		panic(fmt.Sprintf("%s has %d labels and is told %d", l.name, len(l.labels), len(values)))
	}
	var key labelValues
	copy(key[:], values)
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.series[key]
	if t == nil {
		t = new(T)
		l.series[key] = t
	}
	change(t)
}

// write adds the family to a page, with what sample adds for each T in the order
// of the labels' values: nothing if there is none.
func (l *labelled[T]) write(p *Page, kind Type, sample func(*T, []Label)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.series) == 0 {
		return
	}
	p.Family(l.name, kind, l.help)
	for _, key := range slices.SortedFunc(maps.Keys(l.series), compare) {
		labels := make([]Label, len(l.labels))
		for i, name := range l.labels {
			labels[i] = Label{name, key[i]}
		}
		sample(l.series[key], labels)
	}
}

func compare(a, b labelValues) int {
	for i := range a {
		if c := cmp.Compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}
