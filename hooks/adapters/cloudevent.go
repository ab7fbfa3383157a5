package adapters

import (
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// cloudEvent is one event, from whatever mode.
type cloudEvent struct {
	kind, source, id, subject string
	at                        time.Time
	data                      ceData
	// encoded is the data in base64, instead; Missing if they are not.
	encoded jsonscan.Value
}

// ceData is the data of an event.
type ceData struct {
	// document is what the event in JSON has as data; Missing if it has none.
	document jsonscan.Value
	// bytes are, instead, data that do not stand in JSON; nil if there are none.
	bytes []byte
	// media is what the event says that the data are, without parameters.
	media string
}

// json is the data as a JSON value; Missing if there are none.
func (d ceData) json() (jsonscan.Value, error) {
	switch {
	case len(d.bytes) == 0:
		return d.document, nil
	case d.media != "" && !jsonMedia(d.media):
		return jsonscan.Value{}, fmt.Errorf("%w: the event's data are not JSON, and the settings name places in them", hooks.ErrMediaType)
	default:
		return parse(d.bytes)
	}
}

// open hands the data on, decoded, for as long as read takes.
func (ce cloudEvent) open(read func(ceData) error) error {
	if ce.encoded.Kind() == jsonscan.Missing {
		return read(ce.data)
	}
	decoded, err := ce.encoded.SecretBase64()
	if err != nil {
		return malformed("data_base64 is %v", err)
	}
	defer decoded.Wipe()
	return decoded.Expose(func(bytes []byte) error { return read(ceData{bytes: bytes, media: ce.data.media}) })
}

// eventID is unique as source and id are together (CloudEvents 1.0.2, section
// "id"). A URI reference has no |.
func (ce cloudEvent) eventID() (string, error) {
	if strings.Contains(ce.source, "|") {
		return "", malformed("the attribute source is not a URI reference")
	}
	return checkEventID(ce.source+"|"+ce.id, "source|id")
}

// The media types of the structured and the batched mode.
const (
	ceStructured = "application/cloudevents+json"
	ceBatched    = "application/cloudevents-batch+json"
)

// readCloudEvents tells the mode by the Content-Type (HTTP Protocol Binding,
// section 3).
func readCloudEvents(r *hooks.Request) ([]cloudEvent, error) {
	media, err := ceMedia(r.Header)
	if err != nil {
		return nil, err
	}
	switch {
	case media == ceStructured:
		root, err := readJSON(r)
		if err != nil {
			return nil, err
		}
		event, err := readStructured(root)
		return []cloudEvent{event}, err
	case media == ceBatched:
		return readBatched(r)
	case strings.HasPrefix(media, "application/cloudevents"):
		return nil, fmt.Errorf("%w: Content-Type is neither %s nor %s", hooks.ErrMediaType, ceStructured, ceBatched)
	case len(r.Header.Values("Ce-Specversion")) == 0:
		return nil, fmt.Errorf("%w: Content-Type is not %s, and the header has no ce-specversion", hooks.ErrMediaType, ceStructured)
	default:
		event, err := readBinary(r, media)
		return []cloudEvent{event}, err
	}
}

// ceMedia is the media type, empty if there is none: an event without data needs
// none in binary mode.
func ceMedia(header http.Header) (string, error) {
	lines := header.Values("Content-Type")
	if len(lines) == 0 {
		return "", nil
	}
	media, _, err := mime.ParseMediaType(lines[0])
	if err != nil || len(lines) > 1 {
		return "", fmt.Errorf("%w: Content-Type is not one media type", hooks.ErrMediaType)
	}
	return media, nil
}

func readBatched(r *hooks.Request) ([]cloudEvent, error) {
	root, err := parseJSON(r)
	if err != nil {
		return nil, err
	}
	if root.Kind() != jsonscan.Array {
		return nil, malformed("the body is %s, not an array of events", root.Kind())
	}
	objects, err := elements(root)
	if err != nil {
		return nil, err
	}
	events := make([]cloudEvent, len(objects))
	for i, object := range objects {
		if events[i], err = readStructured(object); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// ceAttributes are the attributes that are read in every mode, and ceMembers
// what is read of an event in JSON.
var (
	ceAttributes = [...]string{"specversion", "type", "source", "id", "subject", "time"}
	ceMembers    = append(ceAttributes[:], "datacontenttype", "data", "data_base64")
)

// readStructured reads an event in JSON. An attribute that is null is not set
// (JSON Event Format, section 2.2).
func readStructured(object jsonscan.Value) (cloudEvent, error) {
	members := map[string]jsonscan.Value{}
	for name, value := range object.Members() {
		if name := name.Text(); slices.Contains(ceMembers, name) {
			members[name] = value
		}
	}
	attribute := func(name string) (string, error) {
		switch v := members[name]; v.Kind() {
		case jsonscan.String:
			return v.Text(), nil
		case jsonscan.Missing, jsonscan.Null:
			return "", nil
		default:
			return "", malformed("the attribute %s is %s, not a string", name, v.Kind())
		}
	}
	event, err := readAttributes(attribute)
	if err != nil {
		return cloudEvent{}, err
	}
	media, err := attribute("datacontenttype")
	if err != nil {
		return cloudEvent{}, err
	}
	if media != "" {
		if media, _, err = mime.ParseMediaType(media); err != nil {
			return cloudEvent{}, malformed("the attribute datacontenttype is not a media type")
		}
	}
	document, encoded := members["data"], members["data_base64"]
	switch {
	case encoded.Kind() == jsonscan.Missing:
		event.data = ceData{document: document, media: media}
		return event, nil
	case document.Kind() != jsonscan.Missing:
		return cloudEvent{}, malformed("the event has both data and data_base64")
	case encoded.Kind() != jsonscan.String:
		return cloudEvent{}, malformed("data_base64 is %s, not a string", encoded.Kind())
	default:
		event.data, event.encoded = ceData{media: media}, encoded
		return event, nil
	}
}

// readAttributes reads what attribute finds, empty for an attribute that is not
// set.
func readAttributes(attribute func(name string) (string, error)) (cloudEvent, error) {
	var said [len(ceAttributes)]string
	for i, name := range ceAttributes {
		var err error
		if said[i], err = attribute(name); err != nil {
			return cloudEvent{}, err
		}
	}
	if said[0] != "1.0" {
		return cloudEvent{}, malformed("the attribute specversion is not 1.0")
	}
	event := cloudEvent{kind: said[1], source: said[2], id: said[3], subject: said[4]}
	if event.kind == "" || event.source == "" || event.id == "" {
		return cloudEvent{}, malformed("the event has to have type, source and id")
	}
	if said[5] == "" {
		return event, nil
	}
	var err error
	event.at, err = rfc3339Time(said[5], "the attribute time")
	return event, err
}
