// SPDX-License-Identifier: Apache-2.0
//
// Short words for the choices that random tests make.

extension SeededRandom {
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
