package child

import "os"

// pipes are the descriptors of a command from 3 on. The zero value has none.
type pipes struct {
	// ends are what the command gets; nil for a number that it does not get.
	ends []*os.File
	// writes are the other ends.
	writes []*os.File
}

// handedOver closes this process's copies of what the command has.
func (p *pipes) handedOver() {
	for _, end := range p.ends {
		if end != nil {
			_ = end.Close()
		}
	}
	p.ends = nil
}

// stop ends what is still being written.
func (p *pipes) stop() {
	p.handedOver()
	for _, write := range p.writes {
		_ = write.Close()
	}
}

// fill writes a value, as far as the command reads it, and wipes it.
func fill(write *os.File, descriptor Descriptor) {
	_ = descriptor.Value.Expose(func(plaintext []byte) error {
		_, err := write.Write(plaintext)
		return err
	})
	_ = write.Close()
	descriptor.Value.Wipe()
}
