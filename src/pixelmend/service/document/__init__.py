"""The document of the API (OpenAPI): what can be asked, and every answer that can come; and the page made of it."""

from pixelmend.service.document.openapi import make_document
from pixelmend.service.document.reference import reference_page

__all__ = ["make_document", "reference_page"]
