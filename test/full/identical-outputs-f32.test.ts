import { proveIdenticalOutputs } from './identical-outputs.ts';

proveIdenticalOutputs('f32', 30);
