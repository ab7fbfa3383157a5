package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// The classes of what goes wrong with Azure.
var (
	ErrNotSignedIn = errors.New("not signed in to Azure")
	ErrWrongTenant = errors.New("signed in to another tenant or cloud than the vault's")
	ErrFirewall    = errors.New("refused by the vault's firewall")
	ErrMissingRole = errors.New("not allowed by any role")
	ErrThrottled   = errors.New("throttled by Azure")
	ErrReadOnly    = errors.New("read-only at present, as after a failover")
	// ErrNotFound: what was asked for is known not to be there.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the name cannot be used at present; Error.Inner says why.
	ErrConflict = errors.New("the name cannot be used at present")
	// ErrInvalid: the request breaks a rule, and will again.
	ErrInvalid = errors.New("refused as not valid")
	// ErrDisabled: what was asked for is there and disabled.
	ErrDisabled = errors.New("disabled")
)

// The inner codes of a conflict.
const (
	Deleted    = "ObjectIsDeletedButRecoverable"
	Deleting   = "ObjectIsBeingDeleted"
	Recovering = "ObjectIsBeingRecovered"
)

// Error is an answer of Azure's, told in short.
type Error struct {
	// Class is one of the errors above; nil if it is none of them.
	Class error
	// Status, Code and Inner are the answer's; Status is 0 if there was none.
	Status      int
	Code, Inner string
	// Action is what the role lacks.
	Action string
	// RetryAfter is how long Azure asks to wait; 0 if it does not say.
	RetryAfter time.Duration

	advice string
	cause  error
}

func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Class != nil:
		b.WriteString(e.Class.Error())
	case e.Status != 0:
		b.WriteString("Azure refused")
	default:
		b.WriteString(e.cause.Error())
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d %s", e.Status, e.Code)
		if e.Inner != "" {
			fmt.Fprintf(&b, ", %s", e.Inner)
		}
		b.WriteString(")")
	}
	if e.advice != "" {
		b.WriteString("; " + e.advice)
	}
	return b.String()
}

// Unwrap returns the class and the SDK's error.
func (e *Error) Unwrap() []error {
	if e.Class == nil {
		return []error{e.cause}
	}
	return []error{e.Class, e.cause}
}

// Explain returns what an error of the SDK means as an *Error; nil is nil. The SDK's own
// text, which has the whole answer in it, is only in what the Error wraps.
func Explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if failed, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return explainSignIn(failed)
	}
	if answer, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return explainAnswer(answer)
	}
	// The credential's other errors have no type: it could not even ask.
	if strings.Contains(err.Error(), "Credential: ") || strings.Contains(err.Error(), "Credential authentication failed") {
		return &Error{Class: ErrNotSignedIn, advice: firstLine(err.Error()), cause: err}
	}
	if strings.Contains(err.Error(), "AdditionallyAllowedTenants") || strings.Contains(err.Error(), "isn't configured to acquire tokens for tenant") {
		return &Error{Class: ErrWrongTenant, advice: "the vault's tenant is another one; correct `tenant` or list it in additional_tenants", cause: err}
	}
	return &Error{cause: shortened(err)}
}

// shortened leaves out what the SDK puts into several lines.
func shortened(err error) error {
	if line := firstLine(err.Error()); line != err.Error() {
		return fmt.Errorf("%s", line)
	}
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// explainSignIn tells apart why there is no token. Entra's codes are in its messages.
func explainSignIn(failed *azidentity.AuthenticationFailedError) *Error {
	text := failed.Error()
	e := &Error{Class: ErrNotSignedIn, cause: failed}
	if failed.RawResponse != nil {
		e.Status = failed.RawResponse.StatusCode
	}
	e.Code = regexp.MustCompile(`AADSTS\d+`).FindString(text)
	switch e.Code {
	case "AADSTS90002", "AADSTS700016":
		e.Class, e.advice = ErrWrongTenant, "there is no such tenant, or the application is not known in it; correct `tenant` or `client_id`"
	case "AADSTS7000215", "AADSTS7000222":
		e.advice = "the client secret is wrong or has expired; put a new one into client_secret_file"
	case "AADSTS700027":
		e.advice = "the certificate is not registered with the application; upload its public part"
	case "AADSTS700213", "AADSTS700212", "AADSTS70021":
		e.advice = "no federated credential of the application matches the token in token_file"
	case "":
		if strings.Contains(text, "dentity not found") || strings.Contains(text, "isn't assigned") {
			e.advice = "this machine has no such managed identity; assign it, or correct client_id, resource_id or object_id"
		} else {
			e.advice = firstLine(text)
		}
	}
	return e
}

// explainAnswer tells apart what the service answered.
func explainAnswer(answer *azcore.ResponseError) *Error {
	e := &Error{Status: answer.StatusCode, Code: answer.ErrorCode, cause: answer}
	message := ""
	if answer.RawResponse != nil {
		e.Inner, message = read(answer.RawResponse)
		e.RetryAfter = retryAfter(answer.RawResponse.Header.Get("Retry-After"))
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		e.Class, e.advice = ErrNotSignedIn, "the token was refused; check the clock of this machine and the sign-in"
		if strings.Contains(message, "AKV10032") || strings.Contains(message, "AKV10022") {
			e.Class, e.advice = ErrWrongTenant, "correct `tenant` or `cloud`"
		}
	case e.Status == http.StatusForbidden:
		e.explainForbidden(message)
	case e.Status == http.StatusTooManyRequests:
		e.Class = ErrThrottled
	case e.Status == http.StatusServiceUnavailable && strings.Contains(message, "read-only"):
		e.Class, e.advice = ErrReadOnly, "Azure lets write again when the region is back, which may take hours; it is tried again"
	case e.Status == http.StatusNotFound:
		e.Class = ErrNotFound
	case e.Status == http.StatusConflict:
		e.Class = ErrConflict
	case e.Status == http.StatusBadRequest:
		e.Class, e.advice = ErrInvalid, firstLine(message)
	}
	return e
}

func (e *Error) explainForbidden(message string) {
	switch {
	case e.Inner == "ForbiddenByFirewall", strings.Contains(message, "Client address is not authorized"), strings.Contains(message, "Public network access is disabled"):
		e.Class, e.advice = ErrFirewall, "let this machine's address or network through, or use the private endpoint"
	case strings.Contains(e.Inner, "Disabled"):
		e.Class = ErrDisabled
	case strings.Contains(message, "purge protection"):
		e.Class, e.advice = ErrInvalid, "the vault has purge protection"
	default:
		e.Class = ErrMissingRole
		if e.Action = action(message); e.Action != "" {
			e.advice = "give the identity a role with " + e.Action + "; a new role takes minutes to count"
		} else {
			e.advice = "give the identity a role, or an access policy, that allows it; it takes minutes to count"
		}
	}
}

// action is the action that a refusal names: Key Vault's by role, Resource Manager's,
// or Key Vault's by access policy.
func action(message string) string {
	for _, pattern := range []string{
		`Action: '([A-Za-z./*]+)'`,
		`perform action '([A-Za-z./*]+)'`,
		`does not have (secrets \w+|certificates \w+) permission`,
	} {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(message); found != nil {
			return found[1]
		}
	}
	return ""
}

// maxAnswer bounds what is read of an answer that refuses.
const maxAnswer = 64 << 10

// read returns the inner code and the message of an answer. The SDK has read the body
// and left it to be read again.
func read(response *http.Response) (inner, message string) {
	var body struct {
		Error struct {
			Message string `json:"message"`
			Inner   struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil || json.Unmarshal(data, &body) != nil {
		return "", ""
	}
	return body.Error.Inner.Code, body.Error.Message
}

func retryAfter(text string) time.Duration {
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}
