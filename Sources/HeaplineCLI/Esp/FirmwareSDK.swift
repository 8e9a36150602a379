// SPDX-License-Identifier: Apache-2.0
//
// An installation for firmware that is built by something else than `heapline esp run`:
//
//     include/heapline-esp/…                      headers
//     lib/libheapline-esp.so
//     lib/pkgconfig/heapline-esp.pc
//     lib/cmake/HeaplineESP/HeaplineESPConfig.cmake
//     share/heapline-esp/heapline_esp_main.c      compiled with the firmware

struct FirmwareSDK {
    let prefix: String

    func install() throws {
        let parts = try FirmwareWorkshop.parts()
        for folder in ["include", "lib/pkgconfig", "lib/cmake/HeaplineESP", "share"] {
            try FirmwareWorkshop.require(["mkdir", "-p", "\(prefix)/\(folder)"])
        }
        try FirmwareWorkshop.require(["rm", "-rf", "\(prefix)/include/heapline-esp", "\(prefix)/share/heapline-esp"])
        try FirmwareWorkshop.require([
            "tar", "-xf", parts.archive, "-C", prefix, "--transform=s,^include,include/heapline-esp,;s,^firmware,share/heapline-esp,",
        ])
        try FirmwareWorkshop.require(["cp", parts.library, "\(prefix)/lib/libheapline-esp.so"])
        try FirmwareWorkshop.write(pkgConfig, to: "\(prefix)/lib/pkgconfig/heapline-esp.pc")
        try FirmwareWorkshop.write(cmake, to: "\(prefix)/lib/cmake/HeaplineESP/HeaplineESPConfig.cmake")
    }

    private var compilerOptions: String {
        FirmwareWorkshop.compilerOptions.joined(separator: " ")
    }

    private var linkerOptions: String {
        FirmwareWorkshop.wrapped.map { "-Wl,--wrap=\($0)" }.joined(separator: " ")
    }

    private var pkgConfig: String {
        """
        prefix=\(prefix)
        includedir=${prefix}/include/heapline-esp
        libdir=${prefix}/lib
        main=${prefix}/share/heapline-esp/heapline_esp_main.c

        Name: heapline-esp
        Description: Runs ESP-IDF firmware on an emulated ESP32 chip's heap
        Version: 1.0
        Cflags: \(compilerOptions) -I${includedir} -I${includedir}/catch2
        Libs: -no-pie -L${libdir} -lheapline-esp -Wl,-rpath,${libdir} -lm -lpthread \(linkerOptions)

        """
    }

    private var cmake: String {
        """
        # Gives the target HeaplineESP::HeaplineESP and the function heapline_esp_firmware(TARGET), which makes an
        # executable of firmware sources run on an emulated chip: app_main is its entry, malloc the chip's.
        get_filename_component(_heapline_esp_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
        set(HeaplineESP_MAIN "${_heapline_esp_prefix}/share/heapline-esp/heapline_esp_main.c")
        if(NOT TARGET HeaplineESP::HeaplineESP)
          add_library(HeaplineESP::HeaplineESP SHARED IMPORTED)
          set_target_properties(HeaplineESP::HeaplineESP PROPERTIES
            IMPORTED_LOCATION "${_heapline_esp_prefix}/lib/libheapline-esp.so"
            IMPORTED_SONAME libheapline-esp.so
            INTERFACE_INCLUDE_DIRECTORIES "${_heapline_esp_prefix}/include/heapline-esp;${_heapline_esp_prefix}/include/heapline-esp/catch2"
            INTERFACE_COMPILE_OPTIONS "SHELL:\(compilerOptions)"
            INTERFACE_LINK_OPTIONS "SHELL:-no-pie \(linkerOptions)"
            INTERFACE_LINK_LIBRARIES "m;pthread")
        endif()
        function(heapline_esp_firmware target)
          target_sources(${target} PRIVATE "${HeaplineESP_MAIN}")
          target_link_libraries(${target} PRIVATE HeaplineESP::HeaplineESP)
        endfunction()

        """
    }
}
