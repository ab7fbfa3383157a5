package httpapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/bundle"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// add is POST /v1/stores/STORE/entries. Its body has a private key and the password to
// it: both are in memory that gets wiped, and nothing of them is answered or logged.
func (a *storesAPI) add(c echo.Context, actor string) error {
	wanted, err := receiveAddition(c)
	if err != nil {
		return err
	}
	defer wanted.wipe()
	at, err := wanted.place(c, actor)
	if err != nil {
		return err
	}
	return a.answer(c, at, func() (answer changed, outcome stores.Outcome, err error) {
		if err := wanted.open(); err != nil {
			return answer, outcome, &problem{kind: errBundle, detail: err.Error(), reason: err}
		}
		outcome, err = a.Add(c.Request().Context(), at, wanted.Addition)
		return answer, outcome, err
	})
}

// addition is the body of add, read.
type addition struct {
	entryAction
	stores.Addition
	options        bundle.Options
	data, password *secretbytes.Value
}

func (a *addition) wipe() {
	a.data.Wipe()
	a.password.Wipe()
}

// open reads the private key and the certificates out of the data.
func (a *addition) open() error {
	defer a.wipe()
	return a.data.Expose(func(data []byte) (err error) {
		if a.password == nil {
			a.Private, a.Certificates, err = bundle.Parse(data, a.options)
			return err
		}
		return a.password.Expose(func(password []byte) (err error) {
			options := a.options
			options.Password = password
			a.Private, a.Certificates, err = bundle.Parse(data, options)
			return err
		})
	})
}

// receiveAddition reads the body of add. The caller wipes what is returned.
func receiveAddition(c echo.Context) (*addition, error) {
	if err := checkMedia(c, "application/json"); err != nil {
		return nil, err
	}
	body, err := secretbytes.ReadFrom(http.MaxBytesReader(c.Response(), c.Request().Body, maxAction), maxAction)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, fmt.Errorf("%w: an addition has at most %d bytes; of a keystore with many entries send the one", errTooLarge, maxAction)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the body did not arrive whole", hooks.ErrMalformed)
	}
	defer body.Wipe()
	wanted := &addition{}
	if err := body.Expose(wanted.read); err != nil {
		wanted.wipe()
		return nil, err
	}
	return wanted, nil
}

// read reads the body strictly, in place: its secrets are in no string and in no buffer
// of a decoder. Errors repeat nothing of it but the names of members.
func (a *addition) read(body []byte) error {
	document, err := jsonscan.Parse(body)
	if err != nil {
		return fmt.Errorf("%w: the body is not JSON", hooks.ErrMalformed)
	}
	if document.Kind() != jsonscan.Object {
		return fmt.Errorf("%w: the body is not an object", hooks.ErrMalformed)
	}
	texts := map[string]*string{"alias": &a.entryAction.Alias, "entry": &a.options.Entry}
	flags := map[string]*bool{
		"no_private_key": &a.options.NoPrivate, "overwrite": &a.Overwrite, "recover": &a.Recover, "keep_tags": &a.KeepTags,
		"not_exportable": &a.NotExportable, "dry_run": &a.entryAction.DryRun,
	}
	for member, value := range document.Members() {
		name := member.Text()
		var ok bool
		switch {
		case name == "data":
			ok = value.Kind() == jsonscan.String && a.readData(value)
		case name == "password":
			if ok = value.Kind() == jsonscan.String; ok {
				a.password = value.Secret()
			}
		case name == "tags":
			a.Tags, ok = readTags(value)
		case texts[name] != nil:
			*texts[name], ok = value.Text(), value.Kind() == jsonscan.String
		case flags[name] != nil:
			*flags[name], ok = value.Text() == "true", value.Kind() == jsonscan.Bool
		default:
			return fmt.Errorf("%w: the body has a member that /openapi.json does not have", hooks.ErrMalformed)
		}
		if !ok {
			return fmt.Errorf("%w: %s is not what /openapi.json says it is", hooks.ErrMalformed, name)
		}
	}
	if a.data == nil {
		return fmt.Errorf(`%w: say what: "data", a PKCS#12, JKS or PEM file in base64`, hooks.ErrMalformed)
	}
	return nil
}

func (a *addition) readData(value jsonscan.Value) (ok bool) {
	data, err := value.SecretBase64()
	a.data = data
	return err == nil
}

func readTags(value jsonscan.Value) (tags map[string]string, ok bool) {
	if value.Kind() != jsonscan.Object {
		return nil, false
	}
	tags = map[string]string{}
	for name, text := range value.Members() {
		if text.Kind() != jsonscan.String {
			return nil, false
		}
		tags[name.Text()] = text.Text()
	}
	return tags, true
}
