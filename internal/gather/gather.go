// Package gather makes a sequence of what several goroutines find.
package gather

import (
	"context"
	"iter"
)

// Each yields what produce sends, which it may do from several goroutines, all of them
// ended when it returns. Its error ends the sequence, and so does that of ctx. Whoever
// stops early has the context of produce ended, and waits until it has returned.
func Each[T any](ctx context.Context, produce func(ctx context.Context, send func(T)) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		within, cancel := context.WithCancel(ctx)
		found, failed := make(chan T), make(chan error, 1)
		go func() {
			defer close(found)
			failed <- produce(within, func(one T) {
				select {
				case found <- one:
				case <-within.Done():
				}
			})
		}()
		defer func() {
			cancel()
			for range found { //nolint:revive // What is still under way is let go.
			}
		}()
		var none T
		for one := range found {
			if ctx.Err() != nil {
				break
			}
			if !yield(one, nil) {
				return
			}
		}
		if ctx.Err() != nil {
			yield(none, ctx.Err())
			return
		}
		if err := <-failed; err != nil {
			yield(none, err)
		}
	}
}
