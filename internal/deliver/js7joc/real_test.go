package js7joc_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/js7joc"
	"github.com/sealrelay/sealrelay/internal/js7joc/joctest"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// TestRealCockpit sets, rotates, repeats and deletes at a real JOC Cockpit that the
// environment names. Each step is done when the controller is seen to have it.
func TestRealCockpit(t *testing.T) {
	url := os.Getenv("JS7_TEST_URL")
	if url == "" {
		t.Skip("no JOC Cockpit: set JS7_TEST_URL, JS7_TEST_USER, JS7_TEST_PASSWORD_FILE, JS7_TEST_CONTROLLER, and JS7_TEST_CA_FILE if need be")
	}
	d, err := js7joc.New(deliver.Settings{
		Decode: func(into any) error {
			return yaml.Load(fmt.Appendf(nil, "url: %s\nuser: %s\npassword_file: p\nca_file: %s\ncontrollers: [%s]\njob_resource: /sealrelay-test/destination\ncreate: true\ncomment: test\n",
				url, os.Getenv("JS7_TEST_USER"), os.Getenv("JS7_TEST_CA_FILE"), os.Getenv("JS7_TEST_CONTROLLER")), into, yaml.WithKnownFields())
		},
		Path: func(name string) string { return name },
		ReadSecret: func(string) (*secretbytes.Value, error) {
			data, err := os.ReadFile(os.Getenv("JS7_TEST_PASSWORD_FILE"))
			return secretbytes.New(bytes.TrimRight(data, "\r\n")), err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	lifeOfASecret(t, d)
}

// The same steps at the stand-in.
func TestStandInCockpit(t *testing.T) {
	s := newSite(t)
	s.Set(func(k *joctest.Knobs) { k.Delay = 100 * time.Millisecond })
	lifeOfASecret(t, s.destination(t, ""))
	if s.value("life_2Fsecret", "c1") != "" || s.value("life_2Fsecret_statement", "c1") == "" {
		t.Errorf("what is left is %v", s.Arguments(resource, "c1"))
	}
}

func lifeOfASecret(t *testing.T, d deliver.Destination) {
	t.Helper()
	epoch := time.Now().Unix() // later versions than those of an earlier run
	for i, envelope := range []string{"enc:AAA= BBB= CCC=", "enc:DDD= EEE= FFF=", `hostile " ++ $x \\ ' value`} {
		delivery := sealed(t, "life/secret", epoch+int64(i), envelope)
		deliverAll(t, d, delivery, delivery)
	}
	deliverAll(t, d, sealed(t, "life/secret", epoch, "enc:old old old"), delivertest.Delete(t, "life/secret", epoch+3))
}
