"""Sign-in: closed sign-up, links under the right address, and second-factor secrets encrypted at rest."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from closedwon.base.errors import NotReady
from closedwon.workspace import current


def site_address(path: str, request: Any = None) -> str:
    """The full address of a path: under `base_url` where it is set, else under the request's host."""
    base = current().settings.base_url.rstrip("/")
    if base:
        return f"{base}{path}"
    return request.build_absolute_uri(path) if request is not None else f"http://localhost:8000{path}"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Nobody signs up; an admin invites."""

    def is_open_for_signup(self, request: Any) -> bool:  # noqa: ARG002 - allauth's signature
        """Say no: accounts are made by an admin."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Under the workspace's own address, so that a forged Host header changes no link."""
        from django.urls import reverse

        uid, _, rest = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": rest or key})
        return site_address(path, self.request)


def _box() -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=b"closedwon second factor").derive(current().secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(key))


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second-factor secrets lie encrypted in the database; the key comes from the workspace's secret key."""

    def encrypt(self, text: str) -> str:
        """Seal a secret."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open a sealed secret. Raises NotReady when the workspace's key is another one."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken as error:
            raise NotReady(
                "The second factor cannot be read: this workspace's .secret-key is not the one it was sealed with.",
                mend="Put the old .secret-key back, or take the factor off: closedwon people password EMAIL --drop-second-factor.",
            ) from error
