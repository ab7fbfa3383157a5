package main

import (
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// gateway stands in for what Keeper's Gateway gives to a plugin.
const gateway = `
import base64, sys, types

class Secret:
    def __init__(self, value): self.value = value

class SaasException(Exception): pass

class Item:
    def __init__(self, **fields): self.__dict__.update(fields)

class SaasPluginBase:
    def get_config(self, field_id, default_value=None):
        assert field_id in [item.id for item in self.config_schema()], field_id
        return self.config[field_id]

for name, members in {"exceptions": {"SaasException": SaasException}, "saas_plugins": {"SaasPluginBase": SaasPluginBase}, "saas_type": {"SaasConfigItem": Item}}.items():
    module = types.ModuleType("kdnrm." + name)
    module.__dict__.update(members)
    sys.modules["kdnrm." + name] = module
sys.modules["kdnrm"] = types.ModuleType("kdnrm")

import sealrelay_push
url, credential, name, field = sys.argv[1:5]
plugin = sealrelay_push.SaasPlugin()
plugin.config = {"sealrelay_url": url, "sealrelay_hook_secret": Secret(credential), "sealrelay_secret_name": name}
plugin.user = Item(new_password=None, prior_password=None, new_private_key=None, prior_private_key=None)
setattr(plugin.user, field, Secret(sys.stdin.buffer.read().decode()))
sealrelay_push.time.sleep = lambda seconds: print("waits")
try:
    plugin.rollback_password() if field.startswith("prior") and plugin.can_rollback else plugin.change_password()
except SaasException as refused:
    sys.exit("failed: %s" % refused)
`

// callPlugin has the Gateway's stand-in rotate a field of a user.
func callPlugin(s *site, field, value, secret string) *exec.Cmd {
	command := exec.CommandContext(s.t.Context(), "python3", s.put("gateway.py", gateway, 0o600), s.server.URL+"/v1/hooks/test", credential, "prod/"+secret, field)
	command.Env = s.env("PYTHONPATH="+s.files, "PYTHONDONTWRITEBYTECODE=1", "SSL_CERT_FILE="+s.server.folder+"/ca.pem")
	command.Stdin = strings.NewReader(value)
	return command
}

// TestKeeperPlugin: which field is sent, what is tried again, and what not.
func TestKeeperPlugin(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	s := newSite(t, "keeper-saas")
	for _, field := range []string{"new_password", "new_private_key", "prior_password", "prior_private_key"} {
		s.must(callPlugin(s, field, "dummy "+field, "db/x"))
		if got := s.server.arrived(); len(got) != 1 || got[0].value != "dummy "+field {
			t.Errorf("%s: %d values arrived", field, len(got))
		}
	}
	s.server.setAway(true)
	out, err := callPlugin(s, "new_password", "dummy-new", "db/x").CombinedOutput()
	if text := string(out); err == nil || strings.Count(text, "waits") != 3 || !strings.Contains(text, "the service answered 503") || strings.Contains(text, "dummy-new") {
		t.Errorf("the service is away: %v, %s", err, out)
	}
}

// TestKeeperPluginRefused: a refusal is final, and a redirect is not followed.
func TestKeeperPluginRefused(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	s := newSite(t, "keeper-saas")
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusForbidden} {
		s.server.setRefusal(status)
		out, err := callPlugin(s, "new_password", "dummy-new", "db/x").CombinedOutput()
		if text := string(out); err == nil || strings.Contains(text, "waits") || !strings.Contains(text, "refused with "+strconv.Itoa(status)) || strings.Contains(text, "dummy-new") {
			t.Errorf("%d: %v, %s", status, err, out)
		}
	}
	if got := s.server.arrived(); len(got) != 0 {
		t.Errorf("%d values arrived", len(got))
	}
}
