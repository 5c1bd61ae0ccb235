local own = known(ARGV[1])
if not own or own[4] == '' or redis.call('HGET', own[4], own[5]) ~= ARGV[1] then return false end
return {own[4], own[5]}
