"""The doors that there are."""

from __future__ import annotations

from quws.api.doors.ibm.door import DOOR as IBM
from quws.api.doors.iqm.cocos import DOOR as IQM_COCOS
from quws.api.doors.iqm.routes import DOOR as IQM
from quws.api.doors.superstaq.door import DOOR as SUPERSTAQ
from quws.api.kit.door import Door
from quws.domain.doors import DoorName

DOORS: dict[DoorName, Door] = {
    DoorName.IQM: IQM,
    DoorName.IQM_COCOS: IQM_COCOS,
    DoorName.IBM: IBM,
    DoorName.SUPERSTAQ: SUPERSTAQ,
}
