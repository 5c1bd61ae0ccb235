-- KEYS: entry, side. ARGV: id, text, px, namespace, at, created, ends, name, space, lease, token, retire at,
-- retire px, most entries, most bytes, then fields to stand beside it.
local id, text = ARGV[1], ARGV[2]
store(KEYS[1], KEYS[2], text, ARGV[3], #ARGV > 15 and {unpack(ARGV, 16)})
local former, own = enter(id, ARGV[4], #text, tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11])
if former and own and ARGV[12] ~= '' then
  local e, h = keys_of(former)
  settle(former, retire(e, h, own[3], own[2], ARGV[12], ARGV[13]), ARGV[12])
end
for _, gone in ipairs(make_room(ARGV[6], id, tonumber(ARGV[14]), tonumber(ARGV[15]))) do
  redis.call('UNLINK', keys_of(gone))
end
