# SPDX-License-Identifier: Apache-2.0
#
# Objects as a Python program makes them: dictionaries, lists, strings, JSON there and back.

import json
import sys


class Node:
    def __init__(self, key, children):
        self.key = key
        self.children = children


def tree(depth):
    if depth == 0:
        return Node("leaf", [])
    return Node("node %d" % depth, [tree(depth - 1), tree(depth - 1)])


def count(node):
    return 1 + sum(count(child) for child in node.children)


total = 0
for turn in range(int(sys.argv[1])):
    total += count(tree(9))
    records = [{"id": n, "name": "record %d" % n, "tags": ["a", "b", str(n)]} for n in range(300)]
    total += len(json.loads(json.dumps(records)))
    words = " ".join("word%d" % (n % 97) for n in range(1000)).split()
    seen = {}
    for word in words:
        seen[word] = seen.get(word, 0) + 1
    total += len(sorted(seen.items()))
print(total)
