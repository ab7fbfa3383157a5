package agentkeys_test

import (
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
)

func Example() {
	key, err := agentkeys.NewKey([]byte("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"), agentkeys.Requirements{})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry, err := agentkeys.NewRegistry(
		[]*agentkeys.Agent{
			{Name: "batch", Destinations: []agentkeys.Destination{{Name: "folder", Key: key}}},
			{Name: "web-1", Destinations: []agentkeys.Destination{{Name: "folder"}}},
			{Name: "web-2", Destinations: []agentkeys.Destination{{Name: "folder"}}},
		},
		[]*agentkeys.Group{{Name: "web", Agents: []string{"web-1", "web-2"}, Key: key}},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, target := range registry.Select(agentkeys.Selection{Agents: []string{"batch"}, Groups: []string{"web"}}) {
		fmt.Println(target.Agent, target.Destination, target.Key.Format.Name, target.Key.Check(time.Now()) == nil)
	}
	// Output:
	// batch folder age true
	// web-1 folder age true
	// web-2 folder age true
}
