package adapters_test

import (
	"fmt"
	"net/http"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// A product that is not known sends JSON; pointers say where things are.
func ExampleNewJSON() {
	adapter, err := adapters.NewJSON(adapters.JSON{
		Secret:       "/record/title",
		SecretPrefix: "prod/",
		Fields:       map[string]string{"user": "/record/login", "password": "/record/password"},
		EventID:      "/event",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := adapter.Read(&hooks.Request{
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"event":"e-1","record":{"title":"db","login":"scott","password":"tiger"}}`),
	}, hooks.Verified{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer message.Wipe()
	event := message.Events[0]
	fmt.Println(event.ID, event.Operation, event.Secret, event.Fields, event.Value)
	// Output: e-1 set prod/db [password user] [redacted]
}

// A program writes the project's own format, and a receiver reads it.
func ExampleEncodePush() {
	value, fields, err := adapters.JoinFields(map[string]*hooks.Value{"user": text("scott"), "password": text("tiger")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer value.Wipe()
	body, err := adapters.EncodePush(hooks.Event{Secret: "prod/db", Operation: hooks.Set, Value: value, Fields: fields})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer clear(body)
	fmt.Println(string(body))
	// Output: {"secret":"prod/db","operation":"set","fields":{"password":"tiger","user":"scott"}}
}
