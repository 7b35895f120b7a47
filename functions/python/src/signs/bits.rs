//! What a sign can be of: one bit each, so that files are put together by `|`.

macro_rules! bits {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal,)*) => {
        $($(#[doc = $doc])* pub const $name: u64 = 1 << $number;)*
    };
}

bits! {
    /// Talks to the network.
    SENDS = 0,
    /// Opens a connection to a host that stands by itself, not in an address.
    SOCKET = 1,
    /// Starts programs.
    RUNS = 2,
    /// Goes through folders.
    WALKS = 3,
    /// Looks for the user's home.
    HOME = 4,
    /// Reads environment variables.
    ENVIRONMENT = 5,
    /// Encrypts.
    ENCRYPTS = 6,
    /// Deletes or renames files.
    DELETES = 7,
    /// Writes files or streams.
    WRITES = 8,
    /// Copies files.
    COPIES = 9,
    /// Reads the clipboard.
    CLIPBOARD_READ = 10,
    /// Writes the clipboard.
    CLIPBOARD_WRITE = 11,
    /// Listens to the keyboard.
    KEYS = 12,
    /// Takes pictures of the screen.
    SCREEN = 13,
    /// Opens stores of browsers.
    BROWSER = 14,
    /// Dumps other processes' memory.
    DUMP = 15,
    /// Asks for the host's name.
    FACT_HOST = 16,
    /// Asks for the user's name.
    FACT_USER = 17,
    /// Asks for folders and networks.
    FACT_FOLDER = 18,
    /// Asks for the system.
    FACT_SYSTEM = 19,
    /// Asks where in the world the machine stands.
    LOCATES = 20,
    /// Goes on in the background.
    REPEATS = 21,
    /// Says nothing of errors or output.
    SILENT = 22,
    /// Starts containers.
    CONTAINER = 23,
    /// Names files with credentials.
    CREDENTIAL = 24,
    /// Names wallets.
    WALLET = 25,
    /// Names variables that hold secrets.
    SECRET_NAME = 26,
    /// Names miners or their protocol.
    MINER = 27,
    /// Speaks of what was locked.
    LOCKED = 28,
    /// Speaks of payment.
    PAY = 29,
    /// Looks for addresses of wallets.
    ADDRESS = 30,
    /// Pushes commits.
    PUBLISHES = 31,
    /// Names files of other projects.
    OTHERS_PROJECT = 32,
    /// Writes out a workflow's secrets.
    WORKFLOW_SECRETS = 33,
    /// Names commands that wipe.
    WIPES = 34,
    /// Opens files to overwrite them.
    OVERWRITES = 35,
    /// A string that speaks of what was locked and of payment.
    NOTE = 36,
    /// An address with a host that is not known.
    URL = 37,
    /// A host that stands by itself.
    HOST = 38,
    /// Own code runs at the top level.
    STARTS = 39,
    /// What a web request holds is run.
    ROUTE = 40,
    /// A loop without end that only prints or waits.
    ENDLESS = 41,
    /// Replaces a function that sees passwords or all requests.
    ASKS = 42,
    /// Names its own file.
    ITSELF = 43,
    /// Reads a web request's parts.
    REQUEST = 44,
    /// Reaches `eval` or `popen` by their names.
    BY_NAME = 45,
    /// Hands a key or password to what sends and keeps quiet.
    HANDS_KEY = 46,
    /// A cloud's address that gives credentials.
    CLOUD_ADDRESS = 47,
    /// Hands a wallet's key to a name of another module.
    HANDS_AWAY = 48,
    /// Matches patterns.
    MATCHES = 49,
    /// Changes what may be run.
    CHMOD = 50,
    /// Uploads packages.
    UPLOADS = 51,
    /// Names places of other environments and drives.
    OTHERS_PLACE = 52,
    /// Goes through the environment, or through names of variables.
    ENVIRONMENT_LOOP = 53,
    /// Picks secrets out of the environment by parts of their names.
    ENVIRONMENT_FILTER = 54,
    /// Sends a key silently to an address that stands beside.
    SENDS_KEY = 55,
    /// A string that hides code which downloads and runs.
    HIDDEN_CODE = 56,
    /// A command that downloads, runs and hides what it prints.
    SILENT_COMMAND = 57,
    /// Runs code that is not constant.
    EXECS = 58,
    /// Takes encodings off.
    DECODES = 59,
    /// Starts Python with a file that is not named as a program.
    RUNS_DATA = 60,
    /// Puts its own in the place of other packages' functions that make keys of wallets.
    WRAPS_KEYS = 61,
    /// Writes to a block chain.
    TRANSACTS = 62,
}
