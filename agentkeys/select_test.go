package agentkeys_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sealrelay/sealrelay/agentkeys"
)

// named is a key that is told apart by its ID alone.
func named(id string) *agentkeys.Key { return &agentkeys.Key{ID: id} }

func registry(t testing.TB) *agentkeys.Registry {
	t.Helper()
	prod := map[string]string{"stage": "prod", "site": "bonn"}
	r, err := agentkeys.NewRegistry([]*agentkeys.Agent{
		{Name: "b", Labels: prod, Destinations: []agentkeys.Destination{{Name: "d", Key: named("b")}}},
		{Name: "a", Labels: map[string]string{"stage": "test"}, Destinations: []agentkeys.Destination{{Name: "e", Key: named("a2")}, {Name: "d", Key: named("a1")}}},
		{Name: "keyless", Labels: prod, Destinations: []agentkeys.Destination{{Name: "d"}}},
		{Name: "mixed", Destinations: []agentkeys.Destination{{Name: "own", Key: named("m")}, {Name: "shared"}}},
	}, []*agentkeys.Group{
		{Name: "plain", Agents: []string{"a", "keyless"}},
		{Name: "keyed", Agents: []string{"a", "keyless", "mixed"}, Key: named("g")},
		{Name: "keyed2", Agents: []string{"keyless"}, Key: named("g2")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSelect(t *testing.T) {
	agents := func(names ...string) agentkeys.Selection { return agentkeys.Selection{Agents: names} }
	groups := func(names ...string) agentkeys.Selection { return agentkeys.Selection{Groups: names} }
	labels := func(l map[string]string) agentkeys.Selection { return agentkeys.Selection{Labels: l} }
	for _, tc := range []struct {
		name       string
		selections []agentkeys.Selection
		want       []string
	}{
		{"nothing", nil, nil},
		{"an empty selection", []agentkeys.Selection{{}}, nil},
		{"agents, sorted, with their destinations' keys", []agentkeys.Selection{agents("b", "a")}, []string{"a/e/a2", "a/d/a1", "b/d/b"}},
		{"the same agent twice", []agentkeys.Selection{agents("b", "b"), agents("b")}, []string{"b/d/b"}},
		{"an agent without key gets nothing by itself", []agentkeys.Selection{agents("keyless")}, nil},
		{"a group without key", []agentkeys.Selection{groups("plain")}, []string{"a/e/a2", "a/d/a1"}},
		{"a group with a key", []agentkeys.Selection{groups("keyed")}, []string{"a/e/g", "a/d/g", "keyless/d/g", "mixed/own/g", "mixed/shared/g"}},
		{"the own key before the group's", []agentkeys.Selection{groups("keyed"), agents("a", "mixed")}, []string{"a/e/a2", "a/d/a1", "keyless/d/g", "mixed/own/m", "mixed/shared/g"}},
		{"the first group's key", []agentkeys.Selection{groups("keyed2", "keyed")}, []string{"a/e/g", "a/d/g", "keyless/d/g2", "mixed/own/g", "mixed/shared/g"}},
		{"labels", []agentkeys.Selection{labels(map[string]string{"stage": "prod"})}, []string{"b/d/b"}},
		{"all labels are needed", []agentkeys.Selection{labels(map[string]string{"stage": "test", "site": "bonn"})}, nil},
		{"unknown names", []agentkeys.Selection{agents("x"), groups("y")}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, target := range registry(t).Select(tc.selections...) {
				got = append(got, target.Agent+"/"+target.Destination+"/"+target.Key.ID)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRegistry(t *testing.T) {
	r := registry(t)
	var names []string
	for _, agent := range r.Agents() {
		names = append(names, agent.Name)
	}
	for _, group := range r.Groups() {
		names = append(names, group.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "keyless", "mixed", "keyed", "keyed2", "plain"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if r.Agent("a") == nil || r.Agent("x") != nil {
		t.Error("Agent finds the wrong ones")
	}
	for want, make := range map[string]func() (*agentkeys.Registry, error){
		`agent "a" stands twice`: func() (*agentkeys.Registry, error) {
			return agentkeys.NewRegistry([]*agentkeys.Agent{{Name: "a"}, {Name: "a"}}, nil)
		},
		`group "g" stands twice`: func() (*agentkeys.Registry, error) {
			return agentkeys.NewRegistry(nil, []*agentkeys.Group{{Name: "g"}, {Name: "g"}})
		},
		`group "g": there is no agent "a"`: func() (*agentkeys.Registry, error) {
			return agentkeys.NewRegistry(nil, []*agentkeys.Group{{Name: "g", Agents: []string{"a"}}})
		},
	} {
		if _, err := make(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestSelectProperties holds for any registry and selections: each place is a
// target once, in order, with a key; that of the destination if the agent was
// chosen itself, and of a group that it is in otherwise; and the order of
// agents in a selection changes nothing.
func TestSelectProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d"}
		var agents []*agentkeys.Agent
		for _, name := range names {
			agent := &agentkeys.Agent{Name: name}
			for i := range rapid.IntRange(0, 2).Draw(t, name) {
				destination := agentkeys.Destination{Name: fmt.Sprint(i)}
				if rapid.Bool().Draw(t, "key") {
					destination.Key = named(name + destination.Name)
				}
				agent.Destinations = append(agent.Destinations, destination)
			}
			agents = append(agents, agent)
		}
		subset := rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID[string])
		groups := []*agentkeys.Group{
			{Name: "plain", Agents: subset.Draw(t, "plain")},
			{Name: "keyed", Agents: subset.Draw(t, "keyed"), Key: named("keyed")},
		}
		r, err := agentkeys.NewRegistry(agents, groups)
		if err != nil {
			t.Fatal(err)
		}
		chosen := agentkeys.Selection{
			Agents: subset.Draw(t, "agents"),
			Groups: rapid.SliceOfDistinct(rapid.SampledFrom([]string{"plain", "keyed"}), rapid.ID[string]).Draw(t, "groups"),
		}
		own := map[string]bool{}
		for _, name := range chosen.Agents {
			own[name] = true
		}
		if slices.Contains(chosen.Groups, "plain") {
			for _, name := range groups[0].Agents {
				own[name] = true
			}
		}
		want := map[string]string{}
		for _, agent := range agents {
			for _, d := range agent.Destinations {
				switch {
				case own[agent.Name] && d.Key != nil:
					want[agent.Name+"/"+d.Name] = d.Key.ID
				case slices.Contains(chosen.Groups, "keyed") && slices.Contains(groups[1].Agents, agent.Name):
					want[agent.Name+"/"+d.Name] = "keyed"
				}
			}
		}
		got, order := map[string]string{}, []string(nil)
		for _, target := range r.Select(chosen, chosen) {
			place := target.Agent + "/" + target.Destination
			got[place] = target.Key.ID
			order = append(order, place)
		}
		if !slices.Equal(order, slices.Sorted(maps.Keys(want))) || !maps.Equal(got, want) {
			t.Fatalf("got %v in the order %v, want %v", got, order, want)
		}
	})
}
