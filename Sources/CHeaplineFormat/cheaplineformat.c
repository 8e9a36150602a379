// SPDX-License-Identifier: Apache-2.0
typedef int cheaplineformat_placeholder;
