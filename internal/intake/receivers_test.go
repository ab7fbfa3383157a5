package intake_test

import (
	"slices"
	"testing"

	"github.com/sealrelay/sealrelay/internal/intake"
)

func TestReceivers(t *testing.T) {
	plain := newWorld(t, newMemory())
	labelled := newWorld(t, newMemory(), func(s *intake.Source) { s.Labels = map[string]string{"stage": "prod"} })
	for _, tc := range []struct {
		name           string
		world          *world
		source, secret string
		want           []string
	}{
		{"of the source", plain, "vault", "prod/db", []string{"a", "b"}},
		{"by its labels", labelled, "vault", "prod/labelled", []string{"a"}},
		{"without them", plain, "vault", "prod/labelled", nil},
		{"of a source that is gone", plain, "old", "prod/shared", []string{"a", "c", "d"}},
		{"of a source that is gone, by the labels of those left", labelled, "", "prod/labelled", []string{"a"}},
		{"that no source may write", plain, "old", "test/db", nil},
	} {
		var got []string
		for _, target := range tc.world.Rules().Receivers(tc.source, tc.secret) {
			got = append(got, target.Agent)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
