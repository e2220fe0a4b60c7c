-- name: members_of_release
-- The members of groups that a release named, with their conditions, null for none; in no order.
-- $1 id of the release.
SELECT g.code_id, g.group_id, c.texts
FROM group_member g
LEFT JOIN group_condition c ON c.map_release_id = g.map_release_id AND c.number = g.condition
WHERE g.map_release_id = $1::integer;
