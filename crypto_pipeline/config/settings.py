"""Every environment variable of the pipeline, typed, in one place.

A variable is read from the environment, then from a file ``.env`` in the working folder.
Nothing else in the package reads the environment. A secret may be a reference, or be in a file that
``<NAME>_FILE`` names; see ``secret_references``.
"""

from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from crypto_pipeline.config.secret_references import Secret, SecretFile

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


SANDBOX_DATABASE = "crypto_sandbox"
"""Where sandbox data goes by default."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Plan(str, Enum):
    """Which CoinGecko service is asked; host, header and request budget follow from it.

    ``SANDBOX`` is this project's own loopback server: its data is made up (or played back) and
    labelled so, and its simulated clock is the pipeline's clock.
    """

    PUBLIC = "public"
    DEMO = "demo"
    PRO = "pro"
    SANDBOX = "sandbox"


class CoinPaprikaPlan(str, Enum):
    """Which CoinPaprika service is asked; ``PRO`` stands for every paid plan, which share a host.

    ``SANDBOX`` is this project's own loopback server, as with CoinGecko.
    """

    FREE = "free"
    PRO = "pro"
    SANDBOX = "sandbox"


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting is a secret."""
    return Secret in (field.annotation, *get_args(field.annotation))


class _SecretFiles(PydanticBaseSettingsSource):
    """``<NAME>_FILE`` of every secret, from the environment or ``.env``."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: EnvSettingsSource) -> None:
        super().__init__(settings_cls)
        self._variables: dict[str, str | None] = {}
        for source in reversed(sources):
            self._variables.update(source.env_vars)

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret's file; pydantic-settings asks for this method."""
        path = self._variables.get(f"{field_name}_file") if is_secret(field) else None
        return (SecretFile(path) if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The secrets that are in files, by setting."""
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            secret, _, _ = self.get_field_value(field, name)
            if secret is None:
                continue
            if self._variables.get(name):
                problem = PydanticCustomError(
                    "secret_twice", "is set, and so is its _FILE: unset one"
                )
                raise ValidationError.from_exception_data(
                    "Settings", [InitErrorDetails(type=problem, loc=(name,), input=None)]
                )
            found[name] = secret
        return found


class GraphSettings(BaseSettings):
    """What the asset graph itself depends on. It can be read even if a key is missing.

    Raises:
        pydantic.ValidationError: a variable is wrong; the message names it, not its value.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    lake_uri: str | None = Field(
        default=None,
        description="Folder or object store (s3://, abfss://, gs://) of the lake, the star schema"
        " as Delta tables. If it is set, every hour is loaded there too. By default, a folder in"
        " DATA_DIR, loaded by `crypto-pipeline lake` alone.",
    )
    spark_remote: str | None = Field(
        default=None,
        pattern=r"^(sc://.+|databricks|databricks-job:\d+)$",
        description="Lets Spark load the lake, from the landing files, every hour: a Spark Connect"
        " URL (sc://...), databricks (Databricks Connect), or databricks-job:ID (a job of a"
        " workspace). By default, delta-rs loads it from PostgreSQL.",
    )

    backup_dir: Path | None = Field(
        default=None,
        description="Folder of the backups of the embedded database, best on another disk. If it is"
        " set, one is made every night; by default, DATA_DIR/backups, by `crypto-pipeline backup`"
        " alone.",
    )
    coinpaprika_plan: CoinPaprikaPlan | None = Field(
        default=None,
        description="free, pro (any paid plan) or sandbox: asks CoinPaprika too, as a second source"
        " of prices. By default it is off: see [SOURCES.md](SOURCES.md).",
    )

    @property
    def has_further_source(self) -> bool:
        """Whether a source beside CoinGecko is on."""
        return self.coinpaprika_plan is not None

    @property
    def has_lake(self) -> bool:
        """Whether there is a lake that everything loaded goes to."""
        return self.lake_uri is not None or self.spark_remote is not None


def graph_settings() -> GraphSettings:
    """What the definitions are made from when they are imported: the defaults if a variable is
    wrong, so that the graph and every ``--help`` show. Whatever works with the graph reads
    ``Settings``, which refuses it."""
    try:
        return GraphSettings()
    except ValidationError:
        return GraphSettings.model_construct()


def lake_in_use() -> bool:
    """Whether there is a lake to show: one is configured, or there is one where the verb ``lake``
    makes it without."""
    settings = graph_settings()
    if settings.has_lake:
        return True
    try:
        return Path(Settings().lake_location).is_dir()
    except ValidationError:
        return False


class Settings(GraphSettings):
    """The pipeline's configuration.

    Raises:
        pydantic.ValidationError: a variable is wrong; the message names it, not its value.
    """

    data_dir: Path = Field(
        default=Path(".data"),
        description="Folder of the embedded PostgreSQL, the landing zone and Dagster's home.",
    )
    landing_zone_uri: str | None = Field(
        default=None,
        description="Folder or object store (s3://, gs://, abfs://) of the bronze files;"
        " by default a folder in DATA_DIR, one for live and one for sandbox data.",
    )

    coingecko_plan: Plan = Field(default=Plan.PUBLIC, description="public, demo, pro or sandbox.")
    coingecko_api_key: Secret | None = Field(
        default=None, description="API key of the demo or pro plan; sent in a header only."
    )
    coingecko_base_url: str | None = Field(
        default=None, description="Overrides the plan's host; required for the sandbox plan."
    )
    coingecko_requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="Requests a minute, of all processes on the machine that share DATA_DIR;"
        " by default the plan's.",
    )
    coingecko_requests_per_month: int | None = Field(
        default=None,
        ge=1,
        description="Credits a month, of all processes that share the database; by default the"
        " plan's. A backfill leaves of them what the hourly fetch needs.",
    )
    coingecko_history_days: int | None = Field(
        default=None,
        ge=1,
        description="Days back that the plan's charts reach; by default 365 for public and demo,"
        " 730 for pro.",
    )
    coingecko_vs_currency: str = Field(
        default="usd", pattern="^[a-z]{2,8}$", description="Currency of all prices."
    )
    coingecko_vs_currencies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated currencies of the prices, such as usd,eur,btc: each is asked"
        " for by requests of its own. COINGECKO_VS_CURRENCY is one of them where it is set too.",
    )
    coingecko_keep_rank: int | None = Field(
        default=None,
        ge=1,
        description="A coin that was fetched once is fetched again when it leaves the top N, as"
        " long as its rank is not worse than this. By default, whatever its rank.",
    )
    coingecko_keep_days: int = Field(
        default=30,
        ge=1,
        description="A coin that was fetched once and comes no more is asked for until the answers"
        " of so many days lacked it: in every fetch of the first day, then once a day.",
    )
    coingecko_top_n: int = Field(
        default=250,
        ge=1,
        le=20_000,
        description="How many coins to fetch, largest market cap first.",
    )
    coingecko_include_rehypothecated: bool = Field(
        default=False,
        description="Whether to fetch tokens that stand for others too (stETH, WETH, WBTC ...), and"
        " `market_cap_rank_with_rehypothecated`. CoinGecko leaves them out by default since"
        " 4 February 2026: see [COVERAGE.md](COVERAGE.md).",
    )
    coingecko_ids: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Comma-separated coin ids to fetch instead of the top N."
    )

    coinpaprika_api_key: Secret | None = Field(
        default=None, description="API key of a paid plan; sent in a header only."
    )
    coinpaprika_base_url: str | None = Field(
        default=None, description="Overrides the plan's host; required for the sandbox plan."
    )

    database_url: Secret | None = Field(
        default=None, description="postgresql:// URL of the warehouse; wins over DB_*."
    )
    db_host: str | None = Field(
        default=None,
        description="PostgreSQL host; without it and DATABASE_URL, the embedded server.",
    )
    db_port: int = Field(default=5432, ge=1, le=65_535, description="PostgreSQL port.")
    db_name: str | None = Field(
        default=None,
        description="Database; by default crypto_warehouse, or crypto_sandbox for sandbox data.",
    )
    db_user: str = Field(default="etl_role", description="PostgreSQL user.")
    db_password: Secret | None = Field(
        default=None, description="Required with DB_HOST, unless DB_AUTH says otherwise."
    )
    db_auth: Literal["password", "peer", "cert"] = Field(
        default="password",
        description="How DB_USER logs in at DB_HOST: with DB_PASSWORD; as the system's user of that"
        " name (peer, DB_HOST is a socket's folder); or with the certificate DB_SSLCERT (cert).",
    )
    db_sslmode: SslMode | None = Field(
        default=None,
        description="TLS with DB_HOST, as libpq's sslmode: verify-full checks who answers. A"
        " connection to another machine without TLS is warned of.",
    )
    db_sslrootcert: Path | None = Field(
        default=None, description="Certificates of the authorities that may vouch for DB_HOST."
    )
    db_sslcert: Path | None = Field(default=None, description="Our certificate for DB_HOST.")
    db_sslkey: Path | None = Field(default=None, description="File of its private key.")

    spark_schema: str = Field(
        default="crypto",
        description="Schema of the tables that SPARK_REMOTE loads, with its catalog where there is"
        " one. They lie below LAKE_URI if that is set, which must then not be one that delta-rs"
        " loads.",
    )

    max_rejected_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A batch fails when a larger share of its records is rejected.",
    )
    retention_months: int | None = Field(
        default=None,
        ge=1,
        description="Months kept in silver and gold before the current one; older partitions are"
        " dropped by the job maintenance. By default, everything is kept.",
    )
    batch_retention_days: int = Field(
        default=90,
        ge=1,
        description="Days after its load that a batch keeps its details: request, warnings, schema"
        " drift and the text of its rejected records. The landing file keeps them for ever.",
    )
    secret_ttl_seconds: int = Field(
        default=300,
        ge=0,
        description="Seconds for which a secret read from a secret store is used before it is read"
        " again.",
    )
    alert_webhook_url: Secret | None = Field(
        default=None,
        description="Receives a JSON POST, as Slack's incoming webhooks take it, for every incident"
        " and for its end: a failed run, a failed check, a stale asset.",
    )
    alert_email_to: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Comma-separated addresses that get the same by e-mail."
    )
    alert_email_from: str = Field(
        default="crypto-pipeline@localhost", description="Sender of the e-mails."
    )
    alert_smtp_url: Secret | None = Field(
        default=None,
        description="Mail server, required with ALERT_EMAIL_TO: smtp://USER:PASSWORD@HOST:587, or"
        " smtps://. A password is sent through TLS only.",
    )
    run_retention_days: int = Field(
        default=90,
        ge=1,
        description="Days that Dagster keeps a run, its events and the results of its checks; the"
        " job maintenance deletes the older ones. The newest materialization of each hour and the"
        " newest result of each check stay.",
    )
    backup_keep: int = Field(
        default=7,
        ge=1,
        description="Backups of a database that are kept; each new one removes the oldest.",
    )
    log_retention_days: int = Field(
        default=30,
        ge=1,
        description="Days that the output (stdout and stderr) of a run is kept on disk.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where a value may come from, the strongest first."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, EnvSettingsSource)
        files = _SecretFiles(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, files

    @field_validator("landing_zone_uri", "lake_uri")
    @classmethod
    def _without_login(cls, value: str | None) -> str | None:
        # abfs://container@account has an @ too, but no password before it.
        if value and urlsplit(value).password is not None:
            raise ValueError("holds a password: leave credentials to the store's own variables")
        return value

    @field_validator("data_dir", "backup_dir", "db_sslrootcert", "db_sslcert", "db_sslkey")
    @classmethod
    def _at_home(cls, value: Path | None) -> Path | None:
        # No shell has done it for what is in .env.
        try:
            return value and value.expanduser()
        except RuntimeError:
            raise ValueError("begins with ~, but there is no such home folder") from None

    @field_validator("coingecko_ids", "coingecko_vs_currencies", "alert_email_to", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("coingecko_vs_currencies")
    @classmethod
    def _are_currencies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        codes = tuple(dict.fromkeys(code.lower() for code in value))
        if not all(2 <= len(code) <= 8 and code.isascii() and code.isalpha() for code in codes):
            raise ValueError("is no list of currencies such as usd,eur,btc")
        return codes

    @model_validator(mode="after")
    def _combinations(self) -> "Settings":
        for name, field in type(self).model_fields.items():
            if is_secret(field) and (secret := getattr(self, name)) is not None:
                secret.settle(name.upper(), self.secret_ttl_seconds)
        keyed = self.coingecko_plan in (Plan.DEMO, Plan.PRO)
        if keyed and self.coingecko_api_key is None:
            raise ValueError(f"COINGECKO_PLAN={self.coingecko_plan.value} needs COINGECKO_API_KEY")
        if not keyed and self.coingecko_api_key is not None:
            raise ValueError(
                "COINGECKO_API_KEY is set, but COINGECKO_PLAN is "
                f"{self.coingecko_plan.value}: set COINGECKO_PLAN to demo or pro"
            )
        if self.coingecko_plan is Plan.SANDBOX and self.coingecko_base_url is None:
            raise ValueError("COINGECKO_PLAN=sandbox needs COINGECKO_BASE_URL")
        self._check_coinpaprika()
        if self.database_url is None and self.db_host is not None:
            self._check_login(self.db_host)
        if self.alert_email_to and self.alert_smtp_url is None:
            raise ValueError("ALERT_EMAIL_TO needs ALERT_SMTP_URL")
        return self

    def _check_coinpaprika(self) -> None:
        plan = self.coinpaprika_plan
        if plan is None:
            return
        if plan is CoinPaprikaPlan.PRO and self.coinpaprika_api_key is None:
            raise ValueError("COINPAPRIKA_PLAN=pro needs COINPAPRIKA_API_KEY")
        if plan is not CoinPaprikaPlan.PRO and self.coinpaprika_api_key is not None:
            raise ValueError(
                f"COINPAPRIKA_API_KEY is set, but COINPAPRIKA_PLAN is {plan.value}: set"
                " COINPAPRIKA_PLAN to pro"
            )
        is_sandbox = plan is CoinPaprikaPlan.SANDBOX
        if is_sandbox and self.coinpaprika_base_url is None:
            raise ValueError("COINPAPRIKA_PLAN=sandbox needs COINPAPRIKA_BASE_URL")
        if is_sandbox is not self.sandbox:
            raise ValueError(
                f"COINPAPRIKA_PLAN is {plan.value}, but COINGECKO_PLAN is"
                f" {self.coingecko_plan.value}: live and sandbox data never mix"
            )

    def _check_login(self, host: str) -> None:
        if self.db_auth == "password":
            if self.db_password is None:
                raise ValueError("DB_HOST is set without DB_PASSWORD: refusing to connect")
            return
        if self.db_password is not None:
            raise ValueError(f"DB_AUTH={self.db_auth} takes no DB_PASSWORD: unset one of them")
        if self.db_auth == "peer" and not host.startswith("/"):
            raise ValueError("DB_AUTH=peer needs DB_HOST to be the folder of a Unix socket")
        if self.db_auth == "cert" and (self.db_sslcert is None or self.db_sslkey is None):
            raise ValueError("DB_AUTH=cert needs DB_SSLCERT and DB_SSLKEY")

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies that are asked for, the first the main one."""
        one = (self.coingecko_vs_currency,)
        if not self.coingecko_vs_currencies:
            return one
        told = one if "coingecko_vs_currency" in self.model_fields_set else ()
        return tuple(dict.fromkeys((*told, *self.coingecko_vs_currencies)))

    @property
    def sandbox(self) -> bool:
        """Whether the data comes from the sandbox server, and so needs a database of its own."""
        return self.coingecko_plan is Plan.SANDBOX

    @property
    def embedded(self) -> bool:
        """Whether the warehouse is the embedded server."""
        return self.database_url is None and self.db_host is None

    @property
    def database_name(self) -> str:
        """Database used by the embedded server or at ``db_host``."""
        return self.db_name or (SANDBOX_DATABASE if self.sandbox else "crypto_warehouse")

    @property
    def landing_uri(self) -> str:
        """The landing zone: the configured one, else a folder beside the database's."""
        if self.landing_zone_uri is not None:
            return self.landing_zone_uri
        return str(self.data_dir.absolute() / "landing" / self.database_name)

    @property
    def backup_location(self) -> Path:
        """The folder of the backups: the configured one, else one in ``data_dir``."""
        return (self.backup_dir or self.data_dir / "backups").absolute()

    @property
    def lake_location(self) -> str:
        """The lake: the configured one, else a folder beside the database's."""
        if self.lake_uri is not None:
            return self.lake_uri
        return str(self.data_dir.absolute() / "lake" / self.database_name)
