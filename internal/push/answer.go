package push

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// readAnswer reads a 2xx answer into an Answer and any other into a
// *wire.ProblemError.
func readAnswer(response *http.Response) (wire.Answer, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 != 2 {
		return wire.Answer{}, wire.ReadProblem(response, body)
	}
	if err != nil {
		// The same ID makes it safe to ask again for the rest.
		return wire.Answer{}, &networkError{err}
	}
	var answer wire.Answer
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status == "" {
		return wire.Answer{}, fmt.Errorf("the server answered %d, but not as a hook endpoint of sealrelay does; check the URL", response.StatusCode)
	}
	return answer, nil
}
