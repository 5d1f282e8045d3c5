"""Downloads one file from an untrusted host."""

import asyncio
import random

import aiohttp

import invariance_tf
from invariance_tf import foreign
from invariance_tf.datasets.facescrub.download import addresses
from invariance_tf.datasets.facescrub.download.fates import Failure

USER_AGENT = (
    f"invariance_tf/{invariance_tf.__version__} "
    "(downloads the FaceScrub data set for research)"
)
MAX_BYTES = 30_000_000
MAX_REDIRECTS = 10
CHUNK_BYTES = 2**16
CONNECT_SECONDS = 15.0
# Pauses before the second, third, ... attempt: this long, twice as long, ...
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
TEMPORARY_STATUSES = (408, 425, 429)


class Unreachable(Failure):
    """Says that there was no answer, though there may be one later.

    Args:
        detail: String, what exactly happened.
        is_host_silent: Boolean, no connection to the host could be made.
        pause: Float, seconds that the host asked to wait.
    """

    def __init__(self, detail, is_host_silent=False, pause=0.0):
        super().__init__("unreachable", detail)
        self.is_host_silent = is_host_silent
        self.pause = pause


def open_session(options):
    """Returns an `aiohttp.ClientSession` that is safe for any address.

    It speaks http and https only, to public addresses unless
    `options.allow_private`, keeps no cookies, reads no passwords of the user
    and decompresses nothing.

    Args:
        options: `Options`.
    """
    opener = addresses.open_public_socket
    if options.allow_private:
        opener = addresses.open_socket
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=options.connections,
            resolver=aiohttp.ThreadedResolver(),
            socket_factory=opener,
        ),
        timeout=aiohttp.ClientTimeout(
            total=options.timeout,
            sock_connect=min(CONNECT_SECONDS, options.timeout),
        ),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


async def fetch_file(session, url, retries):
    """Downloads a file.

    Args:
        session: Session from `open_session`.
        url: String.
        retries: Integer >= 0. Further attempts if there is no answer.

    Returns:
        Bytes.

    Raises:
        Failure: If there is no such file to get; `Unreachable` if that may
            change.
    """
    for attempt in range(retries):
        try:
            return await _attempt(session, url)
        except Unreachable as failure:
            pause = PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5)
            pause = max(pause, failure.pause)
        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))
    return await _attempt(session, url)


async def _attempt(session, url):
    """Downloads a file; maps every error to a fate."""
    try:
        async with session.get(url, max_redirects=MAX_REDIRECTS) as response:
            _check_status(response)
            return await _read_body(response)
    except aiohttp.TooManyRedirects:
        raise Failure(
            "dead link", f"redirected {MAX_REDIRECTS} times"
        ) from None
    except aiohttp.NonHttpUrlClientError as error:
        raise Failure(
            "refused", f"redirected out of the web, to {_summarise(error)}"
        ) from None
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.__cause__, addresses.PrivateAddressError):
            raise Failure("refused", str(error.__cause__)) from None
        raise Unreachable(_summarise(error), is_host_silent=True) from None
    except aiohttp.ConnectionTimeoutError:
        raise Unreachable(
            "no connection in time", is_host_silent=True
        ) from None
    except TimeoutError:
        raise Unreachable("no complete answer in time") from None
    except ValueError as error:
        # Including what a host's name can do to the codec of domain names.
        raise Failure(
            "dead link", f"not a legal address: {_summarise(error)}"
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(_summarise(error)) from None


def _check_status(response):
    """Raises an error unless a file follows."""
    status = response.status
    if status in TEMPORARY_STATUSES or status >= 500:
        pause = response.headers.get("Retry-After", "")
        pause = float(pause) if pause.isdecimal() else 0.0
        raise Unreachable(f"HTTP status {status}", pause=pause)
    if status != 200:
        raise Failure("dead link", f"HTTP status {status}")
    if (response.content_length or 0) > MAX_BYTES:
        raise Failure(
            "too large",
            f"{response.content_length:,} bytes, more than {MAX_BYTES:,}",
        )


async def _read_body(response):
    """Returns the body of an answer, whatever length it announced."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_BYTES:
            raise Failure("too large", f"more than {MAX_BYTES:,} bytes")
    return bytes(content)


def _summarise(error):
    """Says in one line what happened."""
    text = foreign.shorten(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
