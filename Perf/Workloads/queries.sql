-- SPDX-License-Identifier: Apache-2.0
-- Inserts, an index, joins and sorting in memory.
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, kind INTEGER, price REAL);
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 30000)
INSERT INTO item SELECT n, 'item number ' || n, n % 100, n * 1.5 FROM number;
CREATE INDEX item_kind ON item (kind, name);
SELECT count(*) FROM (SELECT a.id, upper(a.name) || b.name AS names FROM item a JOIN item b ON a.kind = b.kind AND b.id < 300 ORDER BY names);
SELECT sum(length(names)) FROM (SELECT group_concat(name, ';') AS names FROM item GROUP BY kind);
UPDATE item SET name = replace(name, 'number', 'no.') WHERE kind < 50;
SELECT count(DISTINCT substr(name, 1, 12)) FROM item;
DELETE FROM item WHERE kind BETWEEN 20 AND 60;
SELECT count(*), total(price) FROM item;
DROP TABLE item;
