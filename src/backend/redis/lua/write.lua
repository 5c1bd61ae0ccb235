-- KEYS: entry, side. ARGV: id, text, size, px, namespace, at, created, ends, name, space, last, token, retire at,
-- retire px, most entries, most bytes, then fields to stand beside it.
local id, size = ARGV[1], ARGV[3]
store(KEYS[1], KEYS[2], ARGV[2], size, ARGV[4], #ARGV > 16 and {unpack(ARGV, 17)})
local former = enter(id, ARGV[5], tonumber(size), tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12])
local own = former and ARGV[13] ~= '' and outlives(former, ARGV[13]) and known(former)
if own then
  local e, h = keys_of(former)
  settle(former, retire(e, h, own[3], own[2], ARGV[13], ARGV[14]), ARGV[13])
end
for _, gone in ipairs(make_room(ARGV[7], id, tonumber(ARGV[15]), tonumber(ARGV[16]))) do
  redis.call('UNLINK', keys_of(gone))
end
