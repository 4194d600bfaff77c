"""A new file on a local disk that appears whole or not at all, and takes no other's place."""

import errno
import os
import secrets
from pathlib import Path

_NAMELESS = getattr(os, "O_TMPFILE", 0)
"""Linux: a file that has no name yet. Whatever becomes of its process, nothing is left of it."""

_WITHOUT = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
"""What a file system says that has no such files, such as NFS, or a system without ``/proc``."""


def write_new(path: Path, content: bytes) -> None:
    """Write a file and its folders, down to the disk.

    Raises:
        FileExistsError: there is a file of that name.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        if not (_NAMELESS and _linked(path, content, folder)):
            _renamed(path, content)
        os.fsync(folder)
    finally:
        os.close(folder)


def _linked(path: Path, content: bytes, folder: int) -> bool:
    """Write a file without a name, and give it one; False where that is not to be had."""
    try:
        descriptor = os.open(path.parent, _NAMELESS | os.O_WRONLY, 0o666)
    except OSError as error:
        if error.errno in _WITHOUT:
            return False
        raise
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
        try:
            # With a folder's descriptor, Python asks that the link in /proc be followed.
            os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=folder)
        except OSError as error:
            if error.errno in (*_WITHOUT, errno.EXDEV):
                return False
            raise
    return True


def _renamed(path: Path, content: bytes) -> None:
    """Write a hidden file, and give it its name; a kill leaves the hidden one."""
    # Without the file's own name, which may be as long as a name can be.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        # Unlike a rename, a link never replaces a file.
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
