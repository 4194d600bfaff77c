"""CoinGecko's own description of its API, which requests and answers are validated against."""

import json
from typing import Any

from openapi_core import Config, OpenAPI
from openapi_core.contrib.starlette import StarletteOpenAPIRequest, StarletteOpenAPIResponse

from crypto_pipeline.config.settings import Plan
from crypto_pipeline.sandbox.app import API_PREFIX
from crypto_pipeline_tests.real_captures import DESCRIPTIONS
from crypto_pipeline_tests.sandbox.recorder import Exchange


class Description:
    """CoinGecko's description of a plan's API, at the address of the sandbox."""

    def __init__(self, plan: Plan, base_url: str) -> None:
        spec = json.loads((DESCRIPTIONS / f"{plan.value}-api.json").read_text())
        spec["servers"] = [{"url": base_url}]
        self.paths: dict[str, Any] = spec["paths"]
        # The file is not quite valid itself: the default of an integer is a text.
        self._api = OpenAPI.from_dict(spec, config=Config(spec_validator_cls=None))

    def check_request(self, exchange: Exchange) -> str:
        """The request's path in the description; fails if it is not as described."""
        request = StarletteOpenAPIRequest(exchange.request)
        found = self._api.unmarshal_request(request)
        assert not found.errors, (str(exchange.request.url), found.errors)
        path = self._path(exchange)
        described = {
            parameter["name"]
            for parameter in self.paths[path]["get"].get("parameters", [])
            if parameter["in"] == "query"
        }
        # CoinGecko passes over what it does not know, so a misspelt parameter would go unnoticed.
        assert set(exchange.request.query_params) <= described
        return path

    def check_response(self, exchange: Exchange) -> str:
        """The request's path in the description; fails if the answer is not as described."""
        self._api.validate_response(
            StarletteOpenAPIRequest(exchange.request),
            StarletteOpenAPIResponse(exchange.response),
        )
        return self._path(exchange)

    def _path(self, exchange: Exchange) -> str:
        asked = exchange.request.url.path.removeprefix(API_PREFIX)
        id = exchange.request.path_params.get("id", "")
        (path,) = (path for path in self.paths if path.replace("{id}", id) == asked)
        return path
