"""A SaaS rotation plugin for Keeper's Gateway that sends the new password, or
the new private key, to a sealrelay source with the adapter "push". It signs as
Standard Webhooks 1.0.0 says, with Python's own library and nothing else."""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import urllib.error
import urllib.request
from typing import List

from kdnrm.exceptions import SaasException
from kdnrm.saas_plugins import SaasPluginBase
from kdnrm.saas_type import SaasConfigItem

TRIES = 4
TRY_TIMEOUT = 10  # seconds
RETRIED = (408, 429, 502, 503, 504)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the value to another address."""

    def redirect_request(self, *_):
        return None


class SaasPlugin(SaasPluginBase):
    name = "sealrelay push"
    summary = "Sends a rotated password or private key to a sealrelay source."

    @classmethod
    def config_schema(cls) -> List[SaasConfigItem]:
        return [
            SaasConfigItem(id="sealrelay_url", label="sealrelay URL", type="url", required=True,
                           desc="https://HOST/v1/hooks/SOURCE"),
            SaasConfigItem(id="sealrelay_hook_secret", label="sealrelay hook secret", is_secret=True, required=True,
                           desc="The secret shared with the source, whsec_..."),
            SaasConfigItem(id="sealrelay_secret_name", label="sealrelay secret name", required=True,
                           desc="The name under which the service knows the secret"),
        ]

    @property
    def can_rollback(self) -> bool:
        return True

    def change_password(self):
        self._send(self.user.new_private_key or self.user.new_password)

    def rollback_password(self):
        self._send(self.user.prior_private_key or self.user.prior_password)

    def _config(self, name: str) -> str:
        value = self.get_config(name)
        return str(getattr(value, "value", value) or "").strip()

    def _send(self, secret):
        value = getattr(secret, "value", secret)
        if not value:
            raise SaasException("sealrelay: the rotation has no new value")
        url = self._config("sealrelay_url")
        if not url.startswith("https://"):
            raise SaasException("sealrelay: the URL is not https")
        body = json.dumps({"secret": self._config("sealrelay_secret_name"), "operation": "set", "value_base64":
                           base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()}).encode()
        # One ID for all tries: the service accepts the event once.
        event_id, key = "msg_" + secrets.token_hex(16), self._key()
        for attempt in range(TRIES):
            if attempt:
                time.sleep(2 ** attempt)
            failure = self._try(url, event_id, key, body)
            if failure is None:
                return
        raise SaasException("sealrelay: " + failure)

    def _key(self) -> bytes:
        text = self._config("sealrelay_hook_secret")
        try:
            if text.startswith("whsec_"):
                return base64.b64decode(text[len("whsec_"):], validate=True)
        except ValueError:
            pass
        raise SaasException("sealrelay: the hook secret is not whsec_ and base64")

    @staticmethod
    def _try(url: str, event_id: str, key: bytes, body: bytes):
        """Returns why another try may help; None for success. The answer of the
        service is not repeated: what Keeper shows and logs has nothing of it."""
        now = str(int(time.time()))
        signature = base64.b64encode(hmac.new(key, f"{event_id}.{now}.".encode() + body, hashlib.sha256).digest()).decode()
        request = urllib.request.Request(url, data=body, method="POST", headers={
            "Content-Type": "application/json", "webhook-id": event_id, "webhook-timestamp": now,
            "webhook-signature": "v1," + signature})
        try:
            urllib.request.build_opener(NoRedirect).open(request, timeout=TRY_TIMEOUT).close()
            return None
        except urllib.error.HTTPError as answer:
            answer.close()
            if answer.code in RETRIED:
                return f"the service answered {answer.code}"
            raise SaasException(f"sealrelay: the service refused with {answer.code}; its log says why") from None
        except OSError:
            return "the service was not reached"
