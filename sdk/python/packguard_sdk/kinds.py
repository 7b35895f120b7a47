"""The enumerations of `wit/types.wit`, with its names and in its order."""

from enum import IntEnum


class Severity(IntEnum):
    """How bad it is if the finding is true."""

    INFO = 0
    """Worth knowing, harmless by itself."""
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Confidence(IntEnum):
    """How sure the analyzer is that the finding is true."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


class Category(IntEnum):
    """What a finding is about: MITRE ATT&CK tactics, and what is specific to packages."""

    CAPABILITY = 0
    """What code is able to do; never convicts by itself."""
    INSTALL_HOOK = 1
    """Runs by itself when the package is installed or built."""
    EXECUTION = 2
    PERSISTENCE = 3
    DEFENSE_EVASION = 4
    CREDENTIAL_ACCESS = 5
    DISCOVERY = 6
    COLLECTION = 7
    COMMAND_AND_CONTROL = 8
    EXFILTRATION = 9
    IMPACT = 10
    SUPPLY_CHAIN = 11
    """The package's name or dependencies mislead."""
    ARCHIVE = 12
    METADATA = 13
    BINARY = 14


class Phase(IntEnum):
    """When the code in question runs."""

    INSTALL = 0
    IMPORT = 1
    EXECUTE = 2
    UNKNOWN = 3
