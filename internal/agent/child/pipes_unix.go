//go:build unix

package child

import "os"

// openPipes begins to write each value into a pipe. What it returns is to be
// stopped, also beside an error.
func openPipes(descriptors []Descriptor) (*pipes, error) {
	p := &pipes{}
	for _, descriptor := range descriptors {
		for len(p.ends) <= descriptor.Number-3 {
			p.ends = append(p.ends, nil)
		}
		read, write, err := os.Pipe()
		if err != nil {
			return p, err
		}
		p.ends[descriptor.Number-3] = read
		p.writes = append(p.writes, write)
		go fill(write, descriptor)
	}
	return p, nil
}
