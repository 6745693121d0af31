/**
 * AdvProp (Xie et al., arXiv 1911.09665): in each step the network learns from adversarial pictures too, which go through BatchNorms of
 * their own. In: a step's pictures and the network. Out: those pictures, made in the graph, and what the network makes of them.
 *
 * @module
 */
export { type Attack, attacked, usualSteps } from "./attack.js";
export { auxiliaryName, mainName, sharedParameters } from "./auxiliary.js";
export { type AuxiliaryPass, adversarialPass, type PassOptions } from "./pass.js";
