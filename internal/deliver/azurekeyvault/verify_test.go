package azurekeyvault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/azurekeyvault"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// TestVerifyChanged: each thing that somebody else can do to a copy is seen, and so is
// most of it where values may not be read.
func TestVerifyChanged(t *testing.T) {
	name := sealed.Name(prefix, "prod/db")
	small, big, gone := delivertest.Set(t, "prod/db", 1, 100), delivertest.Set(t, "prod/db", 1, 60_000), delivertest.Delete(t, "prod/db", 2)
	for says, test := range map[string]struct {
		delivered []outbox.Delivery
		change    func(t *testing.T, w *world)
		want      deliver.FindingState
		// unseen: not without the right to read values.
		unseen bool
	}{
		"no secret":               {[]outbox.Delivery{small}, func(t *testing.T, w *world) { w.remove(t, name) }, deliver.Missing, false},
		"it is kept for recovery": {[]outbox.Delivery{small}, func(t *testing.T, w *world) { w.remove(t, name) }, deliver.Missing, false},
		"is disabled":             {[]outbox.Delivery{small}, func(t *testing.T, w *world) { w.enable(t, name, false) }, deliver.Changed, false},
		`no tag "sealrelay"`:      {[]outbox.Delivery{small}, func(t *testing.T, w *world) { w.put(t, name, "theirs", nil) }, deliver.Changed, false},
		"value of":                {[]outbox.Delivery{small}, func(t *testing.T, w *world) { w.put(t, name, "theirs", w.Secrets("relay")[name].Tags) }, deliver.Changed, true},
		`the tag "statement-2"`: {[]outbox.Delivery{small}, func(t *testing.T, w *world) {
			tags := w.Secrets("relay")[name].Tags
			tags["statement-2"] = "other"
			w.put(t, name, string(small.Envelope), tags)
		}, deliver.Changed, false},
		"version 7 is there":       {[]outbox.Delivery{delivertest.Set(t, "prod/db", 7, 10), small}, nil, deliver.Changed, false},
		"part 1 of 3":              {[]outbox.Delivery{big}, func(t *testing.T, w *world) { w.remove(t, sealed.Part(name, 1)) }, deliver.Changed, false},
		"2 of 3":                   {[]outbox.Delivery{big}, func(t *testing.T, w *world) { w.enable(t, sealed.Part(name, 2), false) }, deliver.Changed, false},
		"cannot be put together":   {[]outbox.Delivery{big}, func(t *testing.T, w *world) { w.put(t, name, "theirs", w.Secrets("relay")[name].Tags) }, deliver.Changed, true},
		"can be read in the vault": {[]outbox.Delivery{small, gone}, func(t *testing.T, w *world) { w.enable(t, name, true) }, deliver.Changed, false},
		"-d is disabled":           {[]outbox.Delivery{small, gone}, func(t *testing.T, w *world) { w.enable(t, sealed.Deletion(name), false) }, deliver.Changed, false},
		"-d is another one": {[]outbox.Delivery{small, gone}, func(t *testing.T, w *world) {
			w.put(t, sealed.Deletion(name), "theirs", w.Secrets("relay")[sealed.Deletion(name)].Tags)
		}, deliver.Changed, true},
		"version 1 is there":   {[]outbox.Delivery{small, gone}, func(t *testing.T, w *world) { w.remove(t, sealed.Deletion(name)) }, deliver.Older, false},
		"to delete the secret": {[]outbox.Delivery{delivertest.Set(t, "prod/db", 2, 10), delivertest.Delete(t, "prod/db", 2)}, nil, deliver.Changed, false},
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, azuretest.Config{})
			last := test.delivered[len(test.delivered)-1]
			last.DeliveredVersion = last.Version
			if test.change != nil {
				deliverTo(t, w.open(t, azurekeyvault.Config{}), test.delivered...)
				test.change(t, w)
			} else { // What is there is not what the outbox has.
				deliverTo(t, w.open(t, azurekeyvault.Config{}), test.delivered[0])
			}
			check := func(who string, unseen bool) {
				t.Helper()
				written := w.writes()
				finding, err := w.open(t, azurekeyvault.Config{}).(deliver.Verifiable).Verify(t.Context(), last)
				if unseen && finding.State == deliver.Intact && err == nil {
					return
				}
				if err != nil || finding.State != test.want || !unseen && !strings.Contains(finding.Detail, says) && who == "officer" {
					t.Errorf("%s finds it %s (%s), error %v", who, finding.State, finding.Detail, err)
				}
				if w.writes() != written {
					t.Errorf("%s wrote something", who)
				}
			}
			check("officer", false)
			w.grant(azuretest.Reader...)
			check("reader", test.unseen)

			// Delivered again, it is as it should be, but for what is not the relay's to decide.
			w.grant(azuretest.SecretsOfficer...)
			d := w.open(t, azurekeyvault.Config{SoftDeleted: "recover"})
			_, err := d.Deliver(t.Context(), last)
			if test.change == nil || says == `no tag "sealrelay"` {
				return
			}
			if finding, verifyErr := d.(deliver.Verifiable).Verify(t.Context(), last); err != nil || verifyErr != nil || finding.State != deliver.Intact {
				t.Errorf("delivered again: error %v; it is then %s (%s), error %v", err, finding.State, finding.Detail, verifyErr)
			}
		})
	}
}

func (w *world) grant(actions ...string) {
	w.AddApp(azuretest.App{ClientID: client, Tenants: []string{tenant}, Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: actions}}})
}

// writes counts the requests that change something.
func (w *world) writes() (n int) {
	for _, operation := range []string{
		"PUT /secrets/{name}", "PATCH /secrets/{name}", "PATCH /secrets/{name}/{version}", "DELETE /secrets/{name}",
		"POST /deletedsecrets/{name}/recover", "DELETE /deletedsecrets/{name}",
	} {
		n += w.Asked(operation)
	}
	return n
}

func (w *world) enable(t *testing.T, name string, enabled bool) {
	t.Helper()
	if _, err := w.secrets(t).UpdateSecretProperties(t.Context(), name, "", azsecrets.UpdateSecretPropertiesParameters{SecretAttributes: &azsecrets.SecretAttributes{Enabled: &enabled}}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyRefused: what may not be looked at is an error that names the right, and no
// finding; set-only needs the right to read metadata and asks for no value.
func TestVerifyRefused(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	delivery := delivertest.Set(t, "prod/db", 1, 60_000)
	setOnly := w.open(t, azurekeyvault.Config{SetOnly: true})
	deliverTo(t, setOnly, delivery)
	delivery.DeliveredVersion = 1
	w.grant(azuretest.Reader...)
	if finding, err := setOnly.(deliver.Verifiable).Verify(t.Context(), delivery); err != nil || finding.State != deliver.Intact || w.Asked("GET /secrets/{name}") != 0 {
		t.Errorf("set-only finds %+v, error %v, with %d values read", finding, err, w.Asked("GET /secrets/{name}"))
	}
	w.grant(azuretest.SecretsWriter...)
	for name, d := range map[string]deliver.Destination{"set-only": setOnly, "other": w.open(t, azurekeyvault.Config{})} {
		finding, err := d.(deliver.Verifiable).Verify(t.Context(), delivery)
		if !errors.Is(err, azure.ErrMissingRole) || !strings.Contains(err.Error(), "readMetadata/action") || finding != (deliver.Finding{}) {
			t.Errorf("%s finds %+v, error %v", name, finding, err)
		}
	}
}

// TestVerifyThrottled: a vault that asks for a pause gets it, and is looked at then.
func TestVerifyThrottled(t *testing.T) {
	w := newWorld(t, azuretest.Config{Writes: 1, Window: 1500 * time.Millisecond})
	d := w.open(t, azurekeyvault.Config{})
	delivery := delivertest.Set(t, "a", 1, 10)
	deliverTo(t, d, delivery)
	if _, err := d.Deliver(t.Context(), delivertest.Set(t, "b", 1, 10)); !errors.Is(err, azure.ErrThrottled) {
		t.Fatalf("error %v", err)
	}
	delivery.DeliveredVersion = 1
	if finding, err := d.(deliver.Verifiable).Verify(t.Context(), delivery); err != nil || finding.State != deliver.Intact {
		t.Errorf("found %+v, error %v", finding, err)
	}
}
