// SPDX-License-Identifier: Apache-2.0
//
// A firmware's configuration: what its sdkconfig says, as the sdkconfig.h the compiler reads.

internal import Glibc

struct FirmwareConfiguration {
    /// Macro and value, in order of definition; nil: the option is off.
    private(set) var options: [(name: String, value: String?)] = []
    private let idf: String

    /// A configuration for an ESP-IDF release such as "5.5" or "4.4.8".
    init(idf: String) {
        self.idf = idf
    }

    func isSet(_ name: String) -> Bool {
        value(of: name) != nil
    }

    private func value(of name: String) -> String? {
        options.last { $0.name == name }?.value
    }

    private mutating func set(_ name: String, _ value: String?) {
        options.removeAll { $0.name == name }
        options.append((name, value))
    }

    /// Takes in an sdkconfig: `CONFIG_A=y`, `CONFIG_B="text"`, `CONFIG_C=0x10`, `# CONFIG_D is not set`.
    mutating func read(sdkconfig path: String) throws {
        guard let text = FirmwareWorkshop.readText(path) else {
            throw CommandFailure("--config: \(path): \(unsafe String(cString: strerror(errno)))")
        }
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# CONFIG_"), line.hasSuffix(" is not set"), words.count > 1 {
                set(String(words[1]), nil)
            } else if line.hasPrefix("CONFIG_"), let equals = line.firstIndex(of: "=") {
                let name = String(line[..<equals])
                var value = line[line.index(after: equals)...]
                if !value.hasPrefix("\""), let comment = value.firstIndex(of: "#") { value = value[..<comment] }
                while value.last == " " || value.last == "\r" { value.removeLast() }
                set(name, value == "n" || value.isEmpty ? nil : value == "y" ? "1" : String(value))
            }
        }
        if let target = value(of: "CONFIG_IDF_TARGET") { setTarget(target.filter { $0 != "\"" }) }
    }

    mutating func setTarget(_ target: String) {
        let isXtensa = ["esp32", "esp32s2", "esp32s3"].contains(target)
        set("CONFIG_IDF_TARGET", "\"\(target)\"")
        set("CONFIG_IDF_TARGET_\(target.uppercased())", "1")
        set(isXtensa ? "CONFIG_IDF_TARGET_ARCH_XTENSA" : "CONFIG_IDF_TARGET_ARCH_RISCV", "1")
    }

    /// NAME or NAME=VALUE, as on a compiler's command line.
    mutating func define(_ definition: String) {
        let parts = definition.split(separator: "=", maxSplits: 1)
        guard let name = parts.first else { return }
        let value = parts.count > 1 ? String(parts[1]) : "1"
        set(String(name), value == "n" ? nil : value == "y" ? "1" : value)
    }

    /// The header: every option under its name, then the defaults of ours for those it leaves open.
    var header: String {
        var text = "#pragma once\n"
        for (name, value) in options {
            text += value.map { "#define \(name) \($0)\n" } ?? "#define HL_NOT_\(name) 1\n"
        }
        return text + "#include_next <sdkconfig.h>\n"
    }

    /// Compiler options for the release.
    var versionOptions: [String] {
        let numbers = idf.drop { $0 == "v" }.split(separator: ".").map(String.init) + ["0", "0"]
        return [
            "-DESP_IDF_VERSION_MAJOR=\(numbers[0])", "-DESP_IDF_VERSION_MINOR=\(numbers[1])",
            "-DESP_IDF_VERSION_PATCH=\(numbers[2])",
        ]
    }
}
