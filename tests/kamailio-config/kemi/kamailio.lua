-- Summary: every MESSAGE goes to KSR.imc.imc_manager(); an INFO asks about rooms

local function answer(rc)
	KSR.hdr.append_to_reply("X-RC: " .. rc .. "\r\n")
	if rc > 0 then
		KSR.sl.sl_send_reply(200, "OK")
	else
		KSR.sl.sl_send_reply(403, "Refused")
	end
end

function ksr_request_route()
	local method = KSR.pv.get("$rm")
	if method == "OPTIONS" then
		KSR.sl.sl_send_reply(200, "OK")
		return 1
	end
	if method == "INFO" then
		local room = KSR.pv.get("$hdr(X-Room)")
		local user = KSR.pv.get("$hdr(X-User)")
		local rc
		if user == nil then
			rc = KSR.imc.imc_room_active(room)
		else
			rc = KSR.imc.imc_room_member(room, user)
		end
		answer(rc)
		return 1
	end
	answer(KSR.imc.imc_manager())
	return 1
end
