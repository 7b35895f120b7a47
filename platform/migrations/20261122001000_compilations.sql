-- Which components are being compiled right now. One worker does it and shares what it made;
-- the others wait for that, or until the row is too old to be believed.
CREATE TABLE compilations (
    -- Of the component.
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    -- Of the compiler and its settings, CPU features among them.
    compiler bytea NOT NULL CHECK (length(compiler) = 32),
    until timestamptz NOT NULL,
    PRIMARY KEY (sha256, compiler)
);
