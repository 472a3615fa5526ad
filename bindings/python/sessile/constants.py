# SPDX-License-Identifier: Apache-2.0
"""The library's numbers, by name."""

from __future__ import annotations

from enum import IntEnum

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
