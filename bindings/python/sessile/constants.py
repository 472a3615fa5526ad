# SPDX-License-Identifier: Apache-2.0
"""The library's numbers, by name."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from . import _sessile


class Role(IntEnum):
    """The two ends of a session."""

    CLIENT = _sessile.CLIENT
    SERVER = _sessile.SERVER


class QuestionKind(IntEnum):
    """What a question is about."""

    TLS_PEER = _sessile.QUESTION_TLS_PEER
    TLS_HELLO = _sessile.QUESTION_TLS_HELLO
    SSH_HOST_KEY = _sessile.QUESTION_SSH_HOST_KEY
    SSH_HOST_KEYS = _sessile.QUESTION_SSH_HOST_KEYS
    SSH_AUTHENTICATE = _sessile.QUESTION_SSH_AUTHENTICATE
    SSH_PASSWORD_CHANGE = _sessile.QUESTION_SSH_PASSWORD_CHANGE
    SSH_PROMPTS = _sessile.QUESTION_SSH_PROMPTS
    SSH_SIGN = _sessile.QUESTION_SSH_SIGN
    SSH_USER = _sessile.QUESTION_SSH_USER
    SSH_RESPONSES = _sessile.QUESTION_SSH_RESPONSES
    SSH_CHANNEL = _sessile.QUESTION_SSH_CHANNEL
    SSH_REQUEST = _sessile.QUESTION_SSH_REQUEST
    SSH_FORWARD = _sessile.QUESTION_SSH_FORWARD


class Item(IntEnum):
    """What a question brings, and what an answer gives."""

    CERTIFICATE = _sessile.ITEM_CERTIFICATE
    HOST = _sessile.ITEM_HOST
    VERIFY_CODE = _sessile.ITEM_VERIFY_CODE
    VERIFY_TEXT = _sessile.ITEM_VERIFY_TEXT
    RESUMED = _sessile.ITEM_RESUMED
    SNI = _sessile.ITEM_SNI
    ALPN = _sessile.ITEM_ALPN
    VERSION = _sessile.ITEM_VERSION
    CIPHER = _sessile.ITEM_CIPHER
    PORT = _sessile.ITEM_PORT
    KEY = _sessile.ITEM_KEY
    OLD_KEY = _sessile.ITEM_OLD_KEY
    FINGERPRINT = _sessile.ITEM_FINGERPRINT
    STATUS = _sessile.ITEM_STATUS
    USER = _sessile.ITEM_USER
    METHOD = _sessile.ITEM_METHOD
    PARTIAL = _sessile.ITEM_PARTIAL
    TRIED = _sessile.ITEM_TRIED
    PASSWORD = _sessile.ITEM_PASSWORD
    NEW_PASSWORD = _sessile.ITEM_NEW_PASSWORD
    PROMPT = _sessile.ITEM_PROMPT
    ECHO = _sessile.ITEM_ECHO
    NAME = _sessile.ITEM_NAME
    INSTRUCTION = _sessile.ITEM_INSTRUCTION
    RESPONSE = _sessile.ITEM_RESPONSE
    ALGORITHM = _sessile.ITEM_ALGORITHM
    DATA = _sessile.ITEM_DATA
    SIGNATURE = _sessile.ITEM_SIGNATURE
    SERVICE = _sessile.ITEM_SERVICE
    VERIFIED = _sessile.ITEM_VERIFIED
    HOST_USER = _sessile.ITEM_HOST_USER
    TYPE = _sessile.ITEM_TYPE
    ORIGIN = _sessile.ITEM_ORIGIN
    ORIGIN_PORT = _sessile.ITEM_ORIGIN_PORT
    PATH = _sessile.ITEM_PATH
    TERM = _sessile.ITEM_TERM
    COLUMNS = _sessile.ITEM_COLUMNS
    ROWS = _sessile.ITEM_ROWS
    WIDTH = _sessile.ITEM_WIDTH
    HEIGHT = _sessile.ITEM_HEIGHT
    MODES = _sessile.ITEM_MODES
    VALUE = _sessile.ITEM_VALUE
    COMMAND = _sessile.ITEM_COMMAND
    SINGLE = _sessile.ITEM_SINGLE
    PROTOCOL = _sessile.ITEM_PROTOCOL
    COOKIE = _sessile.ITEM_COOKIE
    SCREEN = _sessile.ITEM_SCREEN


class Notice(IntEnum):
    """Something to know and nothing to decide."""

    TLS_TICKET = _sessile.NOTICE_TLS_TICKET
    TLS_KEYLOG = _sessile.NOTICE_TLS_KEYLOG
    SSH_KEYLOG = _sessile.NOTICE_SSH_KEYLOG
    SSH_BANNER = _sessile.NOTICE_SSH_BANNER
    SSH_DEBUG = _sessile.NOTICE_SSH_DEBUG
    SSH_DISCONNECT = _sessile.NOTICE_SSH_DISCONNECT
    SSH_ALIVE = _sessile.NOTICE_SSH_ALIVE
    SSH_FORWARDED = _sessile.NOTICE_SSH_FORWARDED
    SSH_FORWARD_REFUSED = _sessile.NOTICE_SSH_FORWARD_REFUSED
    SSH_REKEYED = _sessile.NOTICE_SSH_REKEYED
    AGENT_REPLY = _sessile.NOTICE_AGENT_REPLY


class Counter(IntEnum):
    """What a session counts, where it is told to."""

    OFFERED = _sessile.COUNT_OFFERED
    TAKEN = _sessile.COUNT_TAKEN
    UNITS = _sessile.COUNT_UNITS
    SENT = _sessile.COUNT_SENT
    SENDS = _sessile.COUNT_SENDS
    DATA_IN = _sessile.COUNT_DATA_IN
    DATA_OUT = _sessile.COUNT_DATA_OUT


class ChannelEvent(IntEnum):
    """What came for an SSH channel and is no data."""

    OPENED = _sessile.SSH_OPENED
    ACCEPTED = _sessile.SSH_ACCEPTED
    REFUSED = _sessile.SSH_REFUSED
    EXIT_STATUS = _sessile.SSH_EXIT_STATUS
    EXIT_SIGNAL = _sessile.SSH_EXIT_SIGNAL
    WINDOW_CHANGE = _sessile.SSH_WINDOW_CHANGE
    SIGNAL = _sessile.SSH_SIGNAL
    BREAK = _sessile.SSH_BREAK
    XON_XOFF = _sessile.SSH_XON_XOFF
    END_OF_WRITE = _sessile.SSH_END_OF_WRITE


class HostStatus(IntEnum):
    """What known hosts say about a host's key."""

    UNKNOWN = _sessile.HOST_UNKNOWN
    KNOWN = _sessile.HOST_KNOWN
    OTHER = _sessile.HOST_OTHER
    CHANGED = _sessile.HOST_CHANGED
    REVOKED = _sessile.HOST_REVOKED


class SFTPOperation(IntEnum):
    """What a request of SFTP asks for, and what a server's job is."""

    OPEN = _sessile.SFTP_OPEN
    CLOSE = _sessile.SFTP_CLOSE
    READ = _sessile.SFTP_READ
    WRITE = _sessile.SFTP_WRITE
    LSTAT = _sessile.SFTP_LSTAT
    FSTAT = _sessile.SFTP_FSTAT
    SETSTAT = _sessile.SFTP_SETSTAT
    FSETSTAT = _sessile.SFTP_FSETSTAT
    OPENDIR = _sessile.SFTP_OPENDIR
    READDIR = _sessile.SFTP_READDIR
    REMOVE = _sessile.SFTP_REMOVE
    MKDIR = _sessile.SFTP_MKDIR
    RMDIR = _sessile.SFTP_RMDIR
    REALPATH = _sessile.SFTP_REALPATH
    STAT = _sessile.SFTP_STAT
    RENAME = _sessile.SFTP_RENAME
    READLINK = _sessile.SFTP_READLINK
    SYMLINK = _sessile.SFTP_SYMLINK
    EXTENDED = _sessile.SFTP_EXTENDED
    POSIX_RENAME = _sessile.SFTP_POSIX_RENAME
    STATVFS = _sessile.SFTP_STATVFS
    FSTATVFS = _sessile.SFTP_FSTATVFS
    HARDLINK = _sessile.SFTP_HARDLINK
    FSYNC = _sessile.SFTP_FSYNC
    LSETSTAT = _sessile.SFTP_LSETSTAT
    LIMITS = _sessile.SFTP_LIMITS
    EXPAND_PATH = _sessile.SFTP_EXPAND_PATH
    COPY_DATA = _sessile.SFTP_COPY_DATA
    HOME_DIRECTORY = _sessile.SFTP_HOME_DIRECTORY
    USERS_GROUPS = _sessile.SFTP_USERS_GROUPS


class SFTPFlag(IntFlag):
    """How a file is opened (draft-ietf-secsh-filexfer-02, section 6.3)."""

    READ = _sessile.SFTP_FLAG_READ
    WRITE = _sessile.SFTP_FLAG_WRITE
    APPEND = _sessile.SFTP_FLAG_APPEND
    CREATE = _sessile.SFTP_FLAG_CREATE
    TRUNCATE = _sessile.SFTP_FLAG_TRUNCATE
    EXCLUSIVE = _sessile.SFTP_FLAG_EXCLUSIVE


class SFTPStatus(IntEnum):
    """How a request ended (section 7)."""

    OK = _sessile.SFTP_STATUS_OK
    EOF = _sessile.SFTP_STATUS_EOF
    NO_SUCH_FILE = _sessile.SFTP_STATUS_NO_SUCH_FILE
    PERMISSION_DENIED = _sessile.SFTP_STATUS_PERMISSION_DENIED
    FAILURE = _sessile.SFTP_STATUS_FAILURE
    BAD_MESSAGE = _sessile.SFTP_STATUS_BAD_MESSAGE
    NO_CONNECTION = _sessile.SFTP_STATUS_NO_CONNECTION
    CONNECTION_LOST = _sessile.SFTP_STATUS_CONNECTION_LOST
    UNSUPPORTED = _sessile.SFTP_STATUS_UNSUPPORTED


class SFTPLimit(IntEnum):
    """What an SFTP server limits: bytes, but for HANDLES."""

    MESSAGE = _sessile.SFTP_LIMIT_MESSAGE
    READ = _sessile.SFTP_LIMIT_READ
    WRITE = _sessile.SFTP_LIMIT_WRITE
    HANDLES = _sessile.SFTP_LIMIT_HANDLES


class SFTPAttr(IntEnum):
    """An attribute of a file."""

    SIZE = _sessile.SFTP_ATTR_SIZE
    UID = _sessile.SFTP_ATTR_UID
    GID = _sessile.SFTP_ATTR_GID
    PERMISSIONS = _sessile.SFTP_ATTR_PERMISSIONS
    ATIME = _sessile.SFTP_ATTR_ATIME
    MTIME = _sessile.SFTP_ATTR_MTIME


class SFTPNumber(IntEnum):
    """What statvfs tells, as in statvfs(3)."""

    BSIZE = _sessile.SFTP_VFS_BSIZE
    FRSIZE = _sessile.SFTP_VFS_FRSIZE
    BLOCKS = _sessile.SFTP_VFS_BLOCKS
    BFREE = _sessile.SFTP_VFS_BFREE
    BAVAIL = _sessile.SFTP_VFS_BAVAIL
    FILES = _sessile.SFTP_VFS_FILES
    FFREE = _sessile.SFTP_VFS_FFREE
    FAVAIL = _sessile.SFTP_VFS_FAVAIL
    FSID = _sessile.SFTP_VFS_FSID
    FLAG = _sessile.SFTP_VFS_FLAG
    NAMEMAX = _sessile.SFTP_VFS_NAMEMAX
