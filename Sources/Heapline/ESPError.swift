// SPDX-License-Identifier: Apache-2.0
//
// Errors of the emulated heap, with ESP-IDF's codes and names.

/// Why a call on an emulated chip failed.
public struct ESPError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A stable code; for ESP-IDF's own errors it is ESP-IDF's value.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// ESP-IDF's value, or one above 2^30 for what ESP-IDF has no error for.
        public let rawValue: Int32

        /// Makes a code of its value.
        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        /// ESP_FAIL
        public static let failed = Self(rawValue: -1)
        /// ESP_ERR_NO_MEM; also an allocation for which there is no memory.
        public static let noMemory = Self(rawValue: 0x101)
        /// ESP_ERR_INVALID_ARG
        public static let invalidArgument = Self(rawValue: 0x102)
        /// ESP_ERR_INVALID_STATE
        public static let invalidState = Self(rawValue: 0x103)
        /// ESP_ERR_INVALID_SIZE
        public static let invalidSize = Self(rawValue: 0x104)
        /// ESP_ERR_NOT_FOUND
        public static let notFound = Self(rawValue: 0x105)
        /// ESP_ERR_NOT_SUPPORTED
        public static let notSupported = Self(rawValue: 0x106)
        /// The chip would have stopped: an assertion, a damaged heap, an access to memory that is not there.
        public static let fault = Self(rawValue: 0x4000_0001)
        /// The chip can not be made on this host.
        public static let host = Self(rawValue: 0x4000_0002)
        /// An operation script is malformed.
        public static let script = Self(rawValue: 0x4000_0003)
    }

    /// What kind of failure it is.
    public let code: Code
    /// ESP-IDF's name of the code, such as `ESP_ERR_NO_MEM`; `fault`, `host` or `script` for the others.
    public let name: String
    /// What happened, in one line. For a fault: the text on the chip's console.
    public let message: String
    /// The number of the script's line, when the error is about one.
    public let line: Int?

    /// Makes an error.
    public init(code: Code, name: String, message: String, line: Int? = nil) {
        self.code = code
        self.name = name
        self.message = message
        self.line = line
    }

    /// The message with its code's name.
    public var description: String {
        line.map { "line \($0): \(message)" } ?? "\(name): \(message)"
    }
}
