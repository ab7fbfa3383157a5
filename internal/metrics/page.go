// Package metrics shows what a process counts in the Prometheus text format,
// version 0.0.4. It is the part of a client library that the service needs; a
// whole one costs every command of the program a millisecond before it begins,
// since Go initialises all that is linked.
package metrics

import (
	"strconv"
	"strings"
)

// ContentType is that of a page.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Type is what a family's samples are.
type Type string

// The types in use.
const (
	CounterType   Type = "counter"
	GaugeType     Type = "gauge"
	HistogramType Type = "histogram"
	SummaryType   Type = "summary"
)

// Label is a label of a sample. Its name must be a label name of the format; its
// value may be any UTF-8.
type Label struct{ Name, Value string }

// Page is a text being written; the zero value is an empty one.
type Page struct{ text []byte }

// Bytes are the text so far.
func (p *Page) Bytes() []byte { return p.text }

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	valueEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// Family begins a family of samples, which are to follow it.
func (p *Page) Family(name string, kind Type, help string) {
	p.add("# HELP ", name, " ", helpEscapes.Replace(help), "\n# TYPE ", name, " ", string(kind), "\n")
}

// Sample adds a sample to the family begun last.
func (p *Page) Sample(name string, value float64, labels ...Label) {
	p.add(name)
	for i, l := range labels {
		p.add(separator(i), l.Name, `="`, valueEscapes.Replace(l.Value), `"`)
	}
	if len(labels) > 0 {
		p.add("}")
	}
	p.add(" ", format(value), "\n")
}

// One adds a family of one sample without a label.
func (p *Page) One(name string, kind Type, help string, value float64) {
	p.Family(name, kind, help)
	p.Sample(name, value)
}

func (p *Page) add(parts ...string) {
	for _, part := range parts {
		p.text = append(p.text, part...)
	}
}

func separator(i int) string {
	if i == 0 {
		return "{"
	}
	return ","
}

// format writes a number as the format has it, which for infinities and NaN is
// as Go has it.
func format(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }
