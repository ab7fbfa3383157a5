package enrol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// Send sends a request to the service at base, https://HOST[:PORT] with the path
// of a proxy if there is one. Redirects are not followed. An answer that is not
// 200 is a *wire.ProblemError.
func Send(ctx context.Context, client *http.Client, base string, body Body) (Answer, error) {
	target, err := url.Parse(base)
	if err != nil || target.Scheme != "https" || target.Host == "" || target.User != nil || target.RawQuery != "" || target.Fragment != "" {
		return Answer{}, errors.New("the URL of the service must be https://HOST, without a user, a query and a fragment")
	}
	data, err := json.Marshal(body)
	if err != nil {
		return Answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.JoinPath("/v1/enrolments").String(), bytes.NewReader(data))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := own.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	return readAnswer(response, body.Agent)
}

func readAnswer(response *http.Response, agent string) (Answer, error) {
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("read the answer: %w", err)
	case response.StatusCode != http.StatusOK:
		return Answer{}, wire.ReadProblem(response, data)
	}
	var answer Answer
	if err := json.Unmarshal(data, &answer); err != nil || answer.Agent != agent || answer.State == "" {
		return Answer{}, errors.New("the answer is not that of an enrolment; check the URL")
	}
	return answer, nil
}
