-- The part of a write that concerns the index: {former id, where its end stands, its size, ids to remove...}
local former = enter(ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10])
local struck = make_room(ARGV[5], ARGV[1], tonumber(ARGV[11]), tonumber(ARGV[12]))
local own = former and known(former)
if not own then return {false, 0, 0, unpack(struck)} end
return {former, own[3], own[2], unpack(struck)}
