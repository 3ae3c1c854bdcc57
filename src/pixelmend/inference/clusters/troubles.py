"""What stores say when they refuse, in words that tell what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pixelmend.errors import PixelmendError, UnreadableError, UnwritableError, UsageError
from pixelmend.inference.processes import readable

if TYPE_CHECKING:
    from pixelmend.inference.clusters.places import Place

_LONG = 200
"""Characters of what a store says that are told."""
_ENDPOINTS = {"s3": "AWS_ENDPOINT_URL", "gs": "STORAGE_EMULATOR_HOST"}
_CREDENTIALS = {
    "s3": "AWS_PROFILE, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or a role of the machine; "
    "AWS_NO_SIGN_REQUEST=yes for a public bucket",
    "gs": "gcloud auth application-default login, GOOGLE_APPLICATION_CREDENTIALS, or the account of the machine; "
    "GS_NO_SIGN_REQUEST=yes for a public bucket",
}
_SIGNS = {
    "bucket": r"NO_SUCH_BUCKET|NoSuchBucket|bucket does not exist|[Bb]ucket .* not found",
    "region": r"PermanentRedirect|MOVED_PERMANENTLY|301|AuthorizationHeaderMalformed|wrong region|Missing Region",
    "access": r"ACCESS_DENIED|AccessDenied|INVALID_ACCESS_KEY|InvalidAccessKeyId|SIGNATURE|Signature|EXPIRED|Expired"
    r"|INVALID_CLIENT_TOKEN|UNRECOGNIZED_CLIENT|HTTP response code 40[13]|[Cc]redentials|UNAUTHENTICATED"
    r"|PERMISSION_DENIED",
    "network": r"NETWORK_CONNECTION|curlCode|[Cc]ould.?n.t (resolve|connect)|UNAVAILABLE|[Tt]imed? ?out"
    r"|REQUEST_TIMEOUT",
}
"""What each kind of trouble is known by; the first that fits counts."""


def told_of(error: Exception, place: Place, doing: str) -> PixelmendError:
    """What to tell of an error of a store.

    Args:
        error: As it came.
        place: Where.
        doing: "read", "write", "look into".

    Returns:
        A `UsageError` where it would be the same with every picture; else what holds for this one.
    """
    text = readable(str(error))
    kind = next((name for name, sign in _SIGNS.items() if re.search(sign, text)), "")
    bucket = f"{place.scheme}://{place.bucket}"
    if kind == "bucket":
        return UsageError(f"there is no bucket {bucket}: check its name, and that it is in this account or public")
    if kind == "region":
        return UsageError(f"{bucket} is in another region: set AWS_REGION to the one that it is in")
    if kind == "access":
        return UsageError(f"may not {doing} {place}: give credentials that may ({_CREDENTIALS[place.scheme]})")
    if kind == "network":
        return UsageError(
            f"{bucket} cannot be reached ({_short(text)}): check the network, and {_ENDPOINTS[place.scheme]} where the "
            "store is not the usual one"
        )
    if isinstance(error, FileNotFoundError):
        return UnreadableError(f"{place} is not there any more")
    kinds = UnwritableError if doing == "write" else UnreadableError
    return kinds(f"cannot {doing} {place}: {_short(text)}")


def _short(text: str) -> str:
    """The part of a long text that says what happened."""
    signs = (r"(?<=curlCode: )\d+, [^;(]+", r"(?<=CURL error )[^.]+?(?= error_info|$)", r"AWS Error .*")
    words = next((found[0].strip() for sign in signs if (found := re.search(sign, text))), text)
    return words if len(words) < _LONG else words[:_LONG] + "…"
