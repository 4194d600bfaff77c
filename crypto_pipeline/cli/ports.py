"""Ports on which something of ours is to listen."""

import socket


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OSError: the port is another program's, or not to be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            # A connection that has just ended is not in the way.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise OSError(
            f"port {port} of {host} cannot be used ({error.strerror or error}): end the program"
            " that has it, or choose another port with --port"
        ) from None
    return listener
