//! The bytes of the causelog format: frames, commit groups, headers and index blocks.
