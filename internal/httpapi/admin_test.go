package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/httpapi"
)

func TestAdmin(t *testing.T) {
	var outbox error
	var log bytes.Buffer
	admin := httpapi.NewAdmin(httpapi.AdminOptions{
		Ready: func(ctx context.Context) map[string]error {
			if _, bounded := ctx.Deadline(); !bounded {
				t.Error("the checks are not bounded")
			}
			return map[string]error{"outbox": outbox, "keys": nil}
		},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }),
		Log:     zerolog.New(&log),
	})
	get := func(path string, code int, want string) {
		t.Helper()
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != code || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	get("/healthz", 200, "ok")
	get("/metrics", 200, "metrics")
	get("/readyz", 200, `{"ready":true,"checks":{"keys":"ok","outbox":"ok"}}`)
	outbox = errors.New("disk full")
	get("/readyz", 503, `{"ready":false,"checks":{"keys":"ok","outbox":"disk full"}}`)
	get("/healthz", 200, "ok")
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/hooks/vault", nil))
	refuses(t, w, 404, "not-found")
}
